"""A bad week of one cabinet, in virtual time: everything the agent accepted is stored once, and the rest has its name.

The agent, its journal and its decisions are real; the clock, the devices and the other end are ours. Monday 00:00:

  06 h  the climate board is unplugged for ten minutes
  12 h  the uplink is gone, until 72 h
  28 h  the agent is stopped; one page of its journal has become noise; it starts again
  30 h  power cut; back after twenty minutes, in 1970, with nobody to ask for the time until the uplink returns
  40 h  the bus is unplugged for two hours
  60 h  one unit on the bus is dead, until 100 h
  80 h  power cut; back after a minute, with NTP
 110 h  the other board is unplugged for half a minute
 140 h  the disk is full, for two hours
 168 h  the week is over

HALONG_WEEKS=5 lives five of them, each with its own chances.
"""

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
from collections import Counter
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import pytest

from edge.config import EdgeConfig, check
from firmware_sim import truth
from firmware_sim.devices.air_station import AirStation
from firmware_sim.devices.board import Board
from firmware_sim.devices.mhz19 import MhZ19
from runtime.config import parse
from storage.open import open_store
from storage.store import Columns
from tests.chaos.edge.cabinet import Cabinet
from tests.chaos.edge.centre import Centre
from tests.chaos.edge.street import Plug, Street
from tests.chaos.edge.virtual_time import VirtualLoop

pytestmark = pytest.mark.timeout(900)  # the week takes a minute and a half of one core

MONDAY_MS = 1_794_762_000_000  # 2026-11-15T17:00:00Z, midnight in Hạ Long
HOUR_S, HOUR_MS = 3600, 3_600_000
IN_1970_MS = 42_000
PERIOD_S, OFTEN_S = 300, 30
MOST_READINGS_A_PACK = 40
STARTING_MS, IN_FLIGHT_MS, REOPEN_MS = 10_000, 2_000, 8_000
UNITS = {f"air-{unit}": unit for unit in (1, 2, 3)}
DEAD, ALIVE = "air-2", ("air-1", "air-3")
CLIMATE, BUS, BOARD, CO2 = (f"/dev/serial/by-id/{name}" for name in ("climate", "bus", "board", "co2"))
OBJECTS = '{{ fields = {{ temperature = {{ path = "t" }}, humidity = {{ path = "rh" }}, pressure = {{ path = "p" }} }} }}'
DELIMITED = (
    "{{ fields = {{ temperature = {{ path = 0 }}, humidity = {{ path = 1 }}, pressure = {{ path = 2 }} }} }}"
)
CONFIG = f"""
gateway = "gw-week"
[site]
id = "bai-chay"
name = "Bãi Cháy"
latitude = 20.953
longitude = 107.043
[journal]
path = "{{path}}"
max_mb = 4
[clock]
trust = "ladder"
[[serial]]
path = "{CLIMATE}"
protocol = "line-delimited"
sensor = "climate-1"
period_s = {OFTEN_S}
options = {DELIMITED}
[[serial]]
path = "{CO2}"
protocol = "mhz19"
sensor = "co2-1"
period_s = {PERIOD_S}
[[serial]]
path = "{BOARD}"
protocol = "line-ndjson"
sensor = "board-1"
period_s = {PERIOD_S}
options = {OBJECTS}
[[modbus]]
path = "{BUS}"
""" + "".join(
    f"""
[[modbus.unit]]
unit = {unit}
map = "air-station"
sensor = "{sensor}"
period_s = {PERIOD_S}
"""
    for sensor, unit in UNITS.items()
)


class Week(NamedTuple):
    """What is left of it."""

    directory: Path
    journal: Path
    record: Path
    centre: Centre
    cabinet: Cabinet
    torn: int


def measure(quantity: str, now_s: float) -> float:
    """A slow walk, different for every quantity, that never repeats exactly."""
    return 20.0 + (hash_of(quantity) + now_s / 97.0) % 25.0


def hash_of(quantity: str) -> int:
    return sum(quantity.encode())


def wire(street: Street, start_s: float) -> None:
    """Every device on its line."""
    street.plugs[CLIMATE] = Plug(
        [("climate-1", Board(measure, objects=False, start_s=start_s + 7, period_s=OFTEN_S))]
    )
    street.plugs[CO2] = Plug([("co2-1", MhZ19(measure))])
    street.plugs[BOARD] = Plug(
        [("board-1", Board(measure, objects=True, start_s=start_s + 11, period_s=PERIOD_S))]
    )
    street.plugs[BUS] = Plug([(sensor, AirStation(measure, unit=unit)) for sensor, unit in UNITS.items()])


async def at(hour: float) -> None:
    await asyncio.sleep(hour * HOUR_S - asyncio.get_running_loop().time())


async def unplugged(street: Street, path: str, seconds: float) -> None:
    sensors, began = [sensor for sensor, _ in street.plugs[path].devices], street.true_ms()
    street.unplug(path)
    await asyncio.sleep(seconds)
    street.replug(path)
    street.note("unplugged", began - IN_FLIGHT_MS, street.true_ms() + REOPEN_MS, sensors)


async def without_power(street: Street, cabinet: Cabinet, seconds: float, wall_ms: int | None) -> None:
    began = street.true_ms()
    await cabinet.cut_power()
    await asyncio.sleep(seconds)
    cabinet.boot(wall_ms)
    street.note("power cut", began - IN_FLIGHT_MS, street.true_ms() + STARTING_MS)


async def live(directory: Path, seed: int) -> Week:
    """The week as it is written above."""
    disk = directory / "disk"
    disk.mkdir()
    config = parse(CONFIG.format(path=disk / "journal.db"), EdgeConfig, "edge.toml")
    check(config)
    record = truth.Recorder(directory / "truth.jsonl")
    for sensor in config.sensors():
        device = truth.Device(sensor.id, sensor.protocol, sensor.period_s or 0, sensor.quantities, MONDAY_MS)
        record.write(device)
    street = Street(MONDAY_MS, record)
    wire(street, MONDAY_MS / 1000)
    centre = Centre(config.broker.root, config.gateway, street.true_ms)
    cabinet = Cabinet(config, street, centre, Random(seed))
    speaking = [asyncio.create_task(street.run(path)) for path in street.plugs]

    cabinet.boot()
    street.note("agent starting", MONDAY_MS, MONDAY_MS + STARTING_MS)
    await at(6)
    await unplugged(street, CLIMATE, 600)
    await at(12)
    centre.reachable(False)
    await at(28)
    stopping = street.true_ms()
    await cabinet.stop()
    torn = cabinet.tear_page()
    cabinet.start()
    street.note("agent restarted", stopping - IN_FLIGHT_MS, street.true_ms() + STARTING_MS)
    await at(30)
    await without_power(street, cabinet, 1200, IN_1970_MS)
    await at(40)
    await unplugged(street, BUS, 2 * HOUR_S)
    await at(60)
    street.plugs[BUS].dead.add(DEAD)
    await at(72)
    centre.reachable(True)
    await at(80)
    await without_power(street, cabinet, 60, None)
    await at(100)
    street.plugs[BUS].dead.clear()
    await at(110)
    await unplugged(street, BOARD, 30)
    await at(140)
    cabinet.fill_disk(True)
    await at(142)
    cabinet.fill_disk(False)
    await at(168)
    await cabinet.stop()
    street.note("the end", street.true_ms() - IN_FLIGHT_MS - 4000, street.true_ms())
    for task in speaking:
        task.cancel()
    record.close()
    return Week(directory, disk / "journal.db", directory / "truth.jsonl", centre, cabinet, torn)


async def store_all(week: Week) -> None:
    """What came, in the order it came, twice if it came twice, into a real store."""
    store = open_store(f"duckdb:{week.directory / 'store.duckdb'}")
    await store.open()
    for first in range(0, len(week.centre.stored), 5000):
        columns = Columns()
        for reading in week.centre.stored[first : first + 5000]:
            columns.append("bai-chay", reading, reading.flags, None)
        await store.write(columns)
    await store.close()


def verify(week: Week) -> dict[str, Any]:
    """`halong verify`, as anybody would run it."""
    command = [sys.executable, "-m", "halong", "verify", "--json", "--record", str(week.record)]
    command += ["--journal", str(week.journal), "--store", f"duckdb:{week.directory / 'store.duckdb'}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


@pytest.fixture(scope="module", params=range(1, 1 + int(os.environ.get("HALONG_WEEKS", "1"))))
def week(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Week:
    directory = tmp_path_factory.mktemp("week")
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        lived = runner.run(live(directory, request.param))
    asyncio.run(store_all(lived))
    return lived


def test_the_account_of_the_week_balances_and_names_what_was_given_up(week: Week) -> None:
    figures = verify(week)
    assert figures["lost"] == figures["duplicates"] == figures["altered"] == figures["unexplained"] == 0
    assert figures["foreign"] == figures["waiting"] == figures["undated"] == week.centre.undatable == 0
    causes = Counter(figures["causes"])
    with closing(sqlite3.connect(week.journal)) as db:
        (given_up,) = db.execute("SELECT sum(given_up) FROM tallies").fetchone()
        (undated,) = db.execute("SELECT value FROM notes WHERE name = 'undated_given_up'").fetchone()
    assert 0 < causes["given up, journal full"] <= given_up  # some of them lie in another window, too
    assert 0 < causes["given up before it had a date, journal full"] <= undated
    assert 0 < causes["journal damaged"] <= week.torn * MOST_READINGS_A_PACK
    print(f"{figures} in {len(week.centre.packs)} packs, {len(week.centre.stored)} readings sent")


def test_what_was_accepted_before_a_power_cut_was_stored_or_given_up(week: Week) -> None:
    """Read from the disk's own files at the moment of each cut, and looked for in what the centre was sent."""
    stored = {reading.key for reading in week.centre.stored}
    absent = Counter((sensor, at - at % HOUR_MS) for sensor, _, at in week.cabinet.accepted - stored)
    with closing(sqlite3.connect(week.journal)) as db:
        rows = db.execute(
            "SELECT sensor, hour_ms, sum(given_up) FROM tallies GROUP BY sensor, hour_ms"
        ).fetchall()
    given_up = Counter({(sensor, hour_ms): count for sensor, hour_ms, count in rows})
    assert len(week.cabinet.accepted) > 10_000
    assert not absent - given_up


def test_readings_of_the_boot_in_1970_have_their_true_times(week: Week) -> None:
    first, last = MONDAY_MS + 31 * HOUR_MS, MONDAY_MS + 72 * HOUR_MS
    times = [reading.observed_at for reading in week.centre.stored if reading.sensor == "climate-1"]
    dated = [at for at in times if first <= at < last]
    assert len(dated) > 3 * 24 * HOUR_S // OFTEN_S
    assert min(times) >= MONDAY_MS
    assert max(times) < MONDAY_MS + 168 * HOUR_MS


def test_a_dead_unit_costs_its_neighbours_no_period(week: Week) -> None:
    first, last = MONDAY_MS + 74 * HOUR_MS, MONDAY_MS + 79 * HOUR_MS  # dead, and the uplink is there
    for sensor in ALIVE:
        times = {reading.observed_at for reading in week.centre.stored if reading.sensor == sensor}
        seen = sorted(at for at in times if first <= at < last)
        assert len(seen) == 5 * HOUR_S // PERIOD_S
        assert max(after - before for before, after in pairwise(seen)) < 1.1 * PERIOD_S * 1000
    assert not [r for r in week.centre.stored if r.sensor == DEAD and first <= r.observed_at < last]


def test_after_the_outage_the_newest_come_first_and_the_backlog_follows_fast(week: Week) -> None:
    back = MONDAY_MS + 72 * HOUR_MS
    cut = MONDAY_MS + 80 * HOUR_MS
    after = [(at, newest) for at, newest in week.centre.packs if back <= at < cut and newest]
    late = [at for at, newest in after if at - newest > 10 * 60_000]
    took_s = (late[-1] - back) / 1000
    print(f"the backlog of 60 hours took {took_s:.0f} s: {60 * HOUR_S / took_s:.0f} times real time")
    live = [at - newest for at, newest in after if newest >= back and at < back + HOUR_MS]
    assert len(live) > 100
    assert max(live) < 60_000  # what is new is not behind what is old


def test_the_manifests_add_up_to_what_was_sent(week: Week) -> None:
    """Hours of the last two days: nothing was given up in them, every life has told them."""
    first = MONDAY_MS + 120 * HOUR_MS
    told: Counter[tuple[str, int]] = Counter()
    for one in week.centre.manifests.values():
        told[one.sensor, one.hour_ms] += one.accepted
    sent = Counter((s, at - at % HOUR_MS) for s, _, at in {reading.key for reading in week.centre.stored})
    hours = [key for key in sent if first <= key[1] < MONDAY_MS + 167 * HOUR_MS]
    assert len(hours) == 47 * 6
    assert {key: told[key] for key in hours} == {key: sent[key] for key in hours}
