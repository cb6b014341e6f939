"""What the smaller commands do: verify and resend."""

import asyncio
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import msgspec

from halong import verify
from halong.account import compare
from runtime.mqtt import BrokerUrl, Connection, keep_connected
from storage.open import open_store
from telemetry import topics
from telemetry.inventory import check_id
from telemetry.messages import Command

REACH_MS = 60_000  # how far outside the record's own span stored readings of its sensors are looked for


class Verdict(NamedTuple):
    """An account as a command prints it."""

    figures: Mapping[str, Any]
    balanced: bool
    examples: Sequence[str]


async def verify_sets(records: Sequence[Path], store_url: str, journals: Sequence[Path]) -> Verdict:
    """Emitted, accepted (when journals are given) and stored, compared. Raises OSError, ValueError, StoreUnavailableError."""
    file = Path(store_url.removeprefix("duckdb:"))
    if store_url.startswith("duckdb:") and not file.exists():
        raise ValueError(f"there is no store at {file}")
    emitted = verify.read_emitted(records)
    span = [
        times for key in emitted.readings.series for times in emitted.readings.get(key)[0][[0, -1]].tolist()
    ]
    if not span:
        raise ValueError(f"no reading in {', '.join(map(str, records))}")
    start_ms, end_ms = min(span) - REACH_MS, max(span) + REACH_MS
    named = {f"{index}": path for index, path in enumerate(journals)}
    accepted = verify.read_accepted(named, since_ms=start_ms)
    store = open_store(store_url)
    await store.open()
    try:
        stored = await verify.read_stored(store, start_ms, end_ms, emitted.sensors)
    finally:
        await store.close()
    account = compare(
        emitted.readings,
        accepted.readings,
        stored,
        periods_s=emitted.periods_s,
        windows=emitted.windows,
        timeless=accepted.timeless,
        gone=accepted.gone,
    )
    figures = {
        "sensors": len(emitted.sensors),
        "emitted": account.emitted,
        "accepted": account.accepted,
        "stored": account.stored,
        "missed": account.missed,
        "unexplained": account.unexplained,
        "foreign": account.foreign,
        "lost": account.lost,
        "duplicates": account.duplicates,
        "altered": account.altered,
        "waiting": accepted.waiting,
        "damaged": accepted.damaged,
        "undatable": accepted.count_timeless(verify.UNDATABLE),
        "undated": accepted.count_timeless(verify.UNDATED),
        "causes": dict(account.causes),
    }
    return Verdict(figures, account.balanced, account.examples)


async def ask_resend(gateway: str, start_ms: int, end_ms: int, broker: str, root: str) -> None:
    """Publish the command; raises ValueError, or OSError when the broker is away."""
    check_id(gateway)
    url = BrokerUrl.of_command(broker, os.environ)
    payload = msgspec.json.encode(Command(resend=(start_ms, end_ms)))

    async def tell(connection: Connection) -> None:
        await connection.publish(topics.do(root, gateway), payload)

    try:
        await asyncio.wait_for(keep_connected(url, f"halong-resend-{gateway}", tell, rng=Random(0)), 10)
    except TimeoutError:
        raise OSError(f"no answer from the broker at {url.host}:{url.port}") from None
