"""`halong detect explain` beside a hub's files and by its API: the same words."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from halong.hub import HubConfig
from ingest import memory
from ingest.judge import Judge
from ingest.silence import Silence
from ingest.survey import Survey
from storage import snapshots
from storage.book import Book
from telemetry.anomaly import Anomaly, AnomalyKind, Severity
from tests.halong.cli.test_detect import detect
from tests.halong.cli.test_remote import desk
from tests.halong.test_hub import config, now_ms  # noqa: F401  # `config` is a fixture


def fill(book: Book, at_ms: int) -> None:
    """An anomaly of half an hour, and four days of ten-minute readings that end an hour ago."""
    survey = Survey(frozenset())
    times = at_ms - 3_600_000 + np.arange(-4 * 144, 0, dtype=np.int64) * 600_000
    values = 30 + np.random.default_rng(1).normal(0, 1, len(times))
    survey.look([("pm-1", "pm25")], np.zeros(len(times), np.int64), times, values, [600.0])
    with book.writing() as database:
        snapshots.keep(database, memory.dump(Judge(), survey, Silence(), 0))
    start_ms = at_ms - 900_000
    text = "PM2.5 at Bãi Cháy is 3.1 times what is usual for a Monday 08:00; two neighbours agree."
    numbers = (2.1, 93.0, 30.0, 24.0, 36.0)
    book.put_anomaly(
        Anomaly(
            "a1",
            "pm-1",
            "pm25",
            "bai-chay",
            AnomalyKind.UNUSUAL,
            Severity.INFO,
            start_ms,
            at_ms + 900_000,
            *numbers,
            text,
            text,
        )
    )


@pytest.mark.parametrize("hours", [0, 30])
async def test_the_hub_and_its_files_say_the_same(config: HubConfig, hours: int) -> None:  # noqa: F811
    async with desk(config) as (hub, book):
        at_ms = now_ms()
        fill(book, at_ms)
        at = datetime.fromtimestamp(at_ms / 1000 + 3600 * hours, UTC).isoformat()
        asked = await hub("detect", "explain", "pm-1", "--at", at)
        assert asked.exit_code == 0, asked.output
        beside = detect("explain", "pm-1", "--at", at, "--data", Path(config.data))
        lines = [line for line in asked.stdout.splitlines() if not line.startswith(("{", "20"))]
        assert lines == beside.stdout.splitlines()
        assert ("has still to see" in beside.stdout) == (hours > 0)
        assert ("two neighbours agree" in beside.stdout) == (hours == 0)
        assert "PM2.5: usual for " in beside.stdout
        nobody = await hub("detect", "explain", "pm-11", "--at", at)
        assert nobody.exit_code == 1
        assert (
            nobody.stderr
            == "halong: the hub refuses, 404: no sensor or gateway 'pm-11', did you mean 'pm-1'?\n"
        )
        nothing = "has still to see" if hours else "had no anomaly"
        assert nothing in (await hub("detect", "explain", "gw-1", "--at", at)).stdout
        assert "expected 3" in beside.stdout or "expected 29" in beside.stdout
