"""A month of a large city, built once below build/: 10,000 sensors at one reading per 15 minutes, in both stores."""

import http.client
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np

from bench.processes import query
from storage.book import Book
from storage.duckfile import DuckFile
from storage.influx import InfluxStore
from telemetry.inventory import Sensor, Site
from telemetry.messages import Birth

SENSORS, DAYS, STEP_MS = 10_000, 30, 900_000
SITES = 50
END_MS = 1_795_395_600_000  # 2026-11-23T01:00:00Z; the last reading lies within the quarter of an hour before
START_MS = END_MS - DAYS * 86_400_000
STEPS = DAYS * 86_400_000 // STEP_MS
DATABASE = "month"
BUILD = Path(__file__).parents[1] / "build" / "bench-month"
_DONE = "done"
_MARK = "built with this version of bench/month.py: 1\n"


def site(number: int) -> str:
    """The site of a sensor."""
    return f"site-{number % SITES:02d}"


def sensor(number: int) -> str:
    """A sensor's id."""
    return f"pm-{number:05d}"


def book(directory: Path) -> None:
    """The inventory: a gateway at each site."""
    with Book(directory / "book.sqlite") as pages:
        for place in range(SITES):
            sensors = tuple(
                Sensor(sensor(number), "pms5003", ("pm25",), STEP_MS / 1000)
                for number in range(place, SENSORS, SITES)
            )
            where = Site(site(place), f"Site {place}", 20.9 + place / 1000, 107.0 + place / 1000)
            pages.register(Birth(f"gw-{place:02d}", where, sensors, (1, 1), END_MS), END_MS)


def embedded(say: Callable[[str], None]) -> Path:
    """The directory of the embedded store and the book."""
    directory = BUILD / "embedded"
    if _is_built(directory):
        return directory
    say(f"building {SENSORS * STEPS:,} readings in DuckDB, once")
    directory.mkdir(parents=True, exist_ok=True)
    for left in directory.iterdir():
        left.unlink()
    book(directory)
    file = DuckFile(directory / "store.duckdb", clock=lambda: END_MS)
    file.open()
    connection = file.connection
    connection.execute(
        f"INSERT INTO series SELECT i, format('pm-{{:05d}}', i), format('site-{{:02d}}', i % {SITES}), 'pm25'"
        f" FROM range({SENSORS}) t(i)"
    )
    per_day = STEPS // DAYS
    for day in range(DAYS):
        connection.execute(
            f"INSERT INTO readings SELECT i, {START_MS} + k * {STEP_MS} + i * {STEP_MS // SENSORS},"
            " round(25 + 15 * sin(k / 15.28) + (i % 97) / 10 + (i * 7919 + k * 104729) % 100 / 25, 1), 0, NULL"
            f" FROM range({day * per_day}, {(day + 1) * per_day}) a(k), range({SENSORS}) b(i) ORDER BY k, i"
        )
    while file.roll(24):
        pass
    file.checkpoint()
    file.close()
    return _built(directory)


def influx(directory: Path, port: int, say: Callable[[str], None]) -> None:
    """Fill an InfluxDB whose data lies in `directory`; the book goes beside it."""
    if _is_built(directory):
        return
    say(f"building {SENSORS * STEPS:,} readings in InfluxDB, once: some minutes")
    book(directory)
    query(port, DATABASE, f"DROP DATABASE {DATABASE}")
    query(port, DATABASE, f"CREATE DATABASE {DATABASE}")
    heads = [f"pm25,sensor={sensor(number)},site={site(number)} value=".encode() for number in range(SENSORS)]
    numbers = np.arange(SENSORS)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    for step in range(STEPS):
        drift = 25 + 15 * math.sin(step / 15.28)
        values = np.round(drift + numbers % 97 / 10 + (numbers * 7919 + step * 104729) % 100 / 25, 1).tolist()
        times = (START_MS + step * STEP_MS + numbers * (STEP_MS // SENSORS)).tolist()
        lines = [
            b"%b%.1f,flags=0i %d" % (head, value, time)
            for head, value, time in zip(heads, values, times, strict=True)
        ]
        connection.request("POST", f"/write?db={DATABASE}&precision=ms", b"\n".join(lines))
        answer = connection.getresponse()
        content = answer.read()
        if answer.status != 204:
            raise OSError(f"InfluxDB answers {answer.status}: {content[:200]!r}")
    connection.close()
    _built(directory)


async def figures(store: InfluxStore, say: Callable[[str], None]) -> None:
    """Roll every hour of an open store, whose clock is to be a day after the month; what is there already stays."""
    hours = 0
    while number := await store.roll():
        hours += number
        say(f"hourly figures in InfluxDB, once: {hours} hours")


def _is_built(directory: Path) -> bool:
    mark = directory / _DONE
    return mark.exists() and mark.read_text(encoding="utf-8") == _MARK


def _built(directory: Path) -> Path:
    (directory / _DONE).write_text(_MARK, encoding="utf-8")
    return directory
