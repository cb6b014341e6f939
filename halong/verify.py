"""`halong verify`: the account of a simulator's record, the agents' journals and a store."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from halong import sets
from halong.account import compare
from storage.open import open_store

REACH_MS = 60_000  # how far outside the record's own span stored readings of its sensors are looked for


class Verdict(NamedTuple):
    """An account as a command prints it."""

    figures: Mapping[str, Any]
    balanced: bool
    examples: Sequence[str]


async def verify_files(records: Sequence[Path], store_url: str, journals: Sequence[Path]) -> Verdict:
    """Emitted, accepted (when journals are given) and stored, compared. Raises OSError, ValueError, StoreUnavailableError."""
    file = Path(store_url.removeprefix("duckdb:"))
    if store_url.startswith("duckdb:") and not file.exists():
        raise ValueError(f"there is no store at {file}")
    emitted = sets.read_emitted(records)
    span = [
        times for key in emitted.readings.series for times in emitted.readings.get(key)[0][[0, -1]].tolist()
    ]
    if not span:
        raise ValueError(f"no reading in {', '.join(map(str, records))}")
    start_ms, end_ms = min(span) - REACH_MS, max(span) + REACH_MS
    named = {f"{index}": path for index, path in enumerate(journals)}
    accepted = sets.read_accepted(named, since_ms=start_ms)
    store = open_store(store_url)
    await store.open()
    try:
        stored = await sets.read_stored(store, start_ms, end_ms, emitted.sensors)
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
        "undatable": accepted.count_timeless(sets.UNDATABLE),
        "undated": accepted.count_timeless(sets.UNDATED),
        "causes": dict(account.causes),
    }
    return Verdict(figures, account.balanced, account.examples)
