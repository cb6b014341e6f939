"""What a run looks at and makes up: memory of processes, a stepped clock, rubbish, and which quarantine is explained."""

import os
import time
from pathlib import Path
from random import Random

import pytest

from halong.chaos import rogue
from halong.chaos.memory import resident_mb
from halong.chaos.stepped import LOOK_EVERY_S, Step, SteppedHost
from halong.chaos.verdict import explained
from ingest.account import Account
from ingest.intake import Batch, Intake, Packet
from ingest.judge import Judge
from ingest.registry import Registry
from storage.book import Book, QuarantineRow
from telemetry.quarantine import Reason

NOW = 1_767_200_400_000


def test_the_memory_of_a_process_that_is_there_and_of_one_that_is_not() -> None:
    before = resident_mb(os.getpid())
    assert before is not None
    held = bytearray(os.urandom(64 * 1024 * 1024))
    after = resident_mb(os.getpid())
    assert after is not None
    assert after >= before + 50, len(held)
    assert resident_mb(2**22 + 1) is None


def test_a_host_whose_clock_stands_where_the_file_says(tmp_path: Path) -> None:
    file = tmp_path / "clock-step"
    host = SteppedHost(Step(file))
    before = host.instant()
    file.write_text("-86400000", encoding="ascii")
    time.sleep(LOOK_EVERY_S)
    stepped = host.instant()
    assert 0 <= stepped.uptime_ms - before.uptime_ms < 60_000
    assert -86_400_000 <= stepped.wall_ms - before.wall_ms < -86_340_000
    file.write_text("", encoding="ascii")
    time.sleep(LOOK_EVERY_S)
    assert 0 <= host.instant().wall_ms - before.wall_ms < 60_000


def test_rubbish_is_never_a_reading_and_its_quarantine_is_explained(tmp_path: Path) -> None:
    rng, rows = Random(1), 0
    with Book(tmp_path / "book.sqlite") as book:
        account = Account()
        intake = Intake(root="t", registry=Registry(book), judge=Judge(), account=account)
        batch = Batch()
        for _ in range(300):
            topic, payload = rogue.message("t", "gw-1", rng)
            if topic.startswith("t/up"):
                account.accepted()
                intake.add(Packet(topic, payload, NOW), batch)
        intake.check(batch)
        assert len(batch) == 0
        book.quarantine(batch.quarantined, NOW)
        for row in book.quarantined(1000):
            rows += 1
            assert explained(row), row
    assert rows > 20


@pytest.mark.parametrize(
    ("reason", "good"),
    [(Reason.CORRUPTED, True), (Reason.UNDECODABLE, False), (Reason.IMPOSSIBLE_TIME, False)],
)
def test_of_a_real_gateway_only_what_was_changed_is_explained(reason: Reason, good: bool) -> None:
    row = QuarantineRow(1, reason, "", "halong/v1/up/0a/gw-1/abcd/1/0a0b0c0d", "gw-1", "", b"", 1, NOW, NOW)
    assert explained(row) is good


def test_a_strangers_topic_that_the_proxy_has_changed_is_still_a_strangers() -> None:
    topic = "halong/v1/up/26/gw-rogue/e2dd67b9f`02b9ad/80"
    assert explained(QuarantineRow(1, Reason.UNDECODABLE, "", topic, "", "", b"", 1, NOW, NOW))
