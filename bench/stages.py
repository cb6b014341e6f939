"""What ingest spends on a reading, step by step, in one process without broker and store: where the detectors' share shows."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

from bench import gateways
from halong.hub import collecting_seldom
from ingest.account import Account
from ingest.batch import Batch, Packet
from ingest.intake import Intake
from ingest.judge import Judge
from ingest.registry import Registry
from ingest.survey import Survey
from storage.batch import prepare, refuse
from storage.book import Book
from storage.lineprotocol import LANE_LINES, Encoder
from telemetry import topics

GATEWAYS = 40
SECONDS = 60
PACKS = 200  # in a batch


def measure(seconds: int = SECONDS) -> dict[str, float]:
    """CPU microseconds a reading of each step, the first batch (which meets every sensor for the first time) left out.

    "survey by the minute" comes on top of the judge's, and so does "survey of each reading", which is for sensors with a period
    of a minute or more.
    """
    now_ms = time.time_ns() // 1_000_000
    packets = list(_packets(seconds, now_ms))
    spent: dict[str, float] = {}

    def timed(name: str, work: Callable[[], object]) -> None:
        began = time.process_time()
        work()
        spent[name] = spent.get(name, 0.0) + time.process_time() - began

    with (
        collecting_seldom(),
        tempfile.TemporaryDirectory() as directory,
        Book(Path(directory) / "book.sqlite") as book,
    ):
        account, encoder, registry = Account(), Encoder(), Registry(book)
        intake = Intake(root="t", registry=registry, judge=Judge(), account=account)
        surveys = {"survey by the minute": Survey(frozenset()), "survey of each reading": Survey(frozenset())}
        for start in range(0, len(packets), PACKS):
            batch = Batch()
            timed("decode", lambda: _decode(intake, account, packets[start : start + PACKS], batch))  # noqa: B023
            timed("check", lambda: intake.check(batch))  # noqa: B023
            timed("judge (detectors)", lambda: _judge(intake, batch, now_ms))  # noqa: B023
            for name, survey in surveys.items():
                period_s = 60.0 if name == "survey of each reading" else 1.0
                timed(name, lambda: _survey(survey, batch, period_s))  # noqa: B023
            timed("show", batch.newest)
            timed("for DuckDB", lambda: prepare(batch.columns, refuse(batch.columns), {}))  # noqa: B023
            lanes = -(-len(batch) // LANE_LINES)
            timed("for InfluxDB", lambda: [one.body() for one in encoder.encode(batch.columns, (), lanes)])  # noqa: B023
            if start == 0:
                spent.clear()
    readings = (len(packets) - PACKS) * gateways.PACK_READINGS
    return {name: seconds / readings * 1e6 for name, seconds in spent.items()}


def _packets(seconds: int, now_ms: int) -> list[Packet]:
    rngs = [Random(number) for number in range(GATEWAYS)]
    found = []
    for second in range(seconds):
        for number, rng in enumerate(rngs):
            payload = gateways.pack(number, now_ms - (seconds - second) * 1000, rng)
            name = topics.PackName(f"gw-{number}", gateways.JOURNAL, second)
            found.append(Packet(topics.up("t", f"site-{number}", name, payload), payload, now_ms))
    return found


def _decode(intake: Intake, account: Account, packets: list[Packet], batch: Batch) -> None:
    for packet in packets:
        account.accepted()
        intake.add(packet, batch)


def _judge(intake: Intake, batch: Batch, now_ms: int) -> None:
    while intake.judge(batch, now_ms):
        pass


def _survey(survey: Survey, batch: Batch, period_s: float) -> None:
    rows = batch.rows()
    survey.look(rows.series, rows.of, rows.observed_ms, rows.value, [period_s] * len(rows.series))
