"""Acceptance on a real journal, its host's clocks in our hand: nothing twice, nothing lost, no time that cannot be."""

import asyncio
import json
import sqlite3
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.acceptance import Acceptance
from edge.clock import FLOOR_MS, UNDATED_MS, Rung
from edge.hostclock import Instant
from edge.journalthread import JournalThread
from edge.settings import ClockSettings, EdgeConfig, JournalSettings, Trust
from edge.timekeeper import Timekeeper
from telemetry import undatable
from telemetry.inventory import Site
from telemetry.packs import decode_pack
from telemetry.reading import Reading
from telemetry.senml import SenmlError
from tests.thorough import examples

BOOT = 1_790_000_000_000
HOUR_MS = 3_600_000
SITE = Site("s", "S", 20.9, 107.0, "test")


class Clocks:
    """A host: `uptime` ms since a boot that was at `boot_ms` true Unix time; the system clock is `off` ms ahead of it."""

    def __init__(self, number: int, boot_ms: int, off: int = 0, *, synchronised: bool = False) -> None:
        self.boot_id, self.boot_ms, self.off = f"boot-{number}", boot_ms, off
        self.uptime, self.in_step = 1_000, synchronised

    def uptime_ms(self) -> int:
        return self.uptime

    def instant(self) -> Instant:
        return Instant(self.uptime, self.boot_ms + self.uptime + self.off)

    def synchronised(self) -> bool:
        return self.in_step


@asynccontextmanager
async def life(path: Path, clocks: Clocks, settings: ClockSettings) -> AsyncIterator["Life"]:
    """An agent's life as far as accepting goes; the end of the context is a kill."""
    config = EdgeConfig(gateway="gw", site=SITE, clock=settings, journal=JournalSettings(path=str(path)))
    timekeeper = Timekeeper(settings, clocks)
    async with JournalThread.open(path, clock=timekeeper.now_ms, rng=Random()) as journal:
        acceptance = Acceptance(config, journal, timekeeper, mark=list, on_packs=lambda: None)
        if trust := await journal.trust_of(timekeeper.boot_id):
            timekeeper.resume(*trust)
        timekeeper.look()
        await acceptance.begin()
        yield Life(timekeeper, acceptance)


class Life(NamedTuple):
    """What a test acts on."""

    timekeeper: Timekeeper
    acceptance: Acceptance

    async def read(self, *values: float, sensor: str = "pm-1") -> None:
        at = self.timekeeper.now_ms()
        await self.acceptance.keep([Reading(sensor, "pm25", at, value) for value in values])


class Found(NamedTuple):
    """What a journal holds, by readers of our own."""

    dated: list[Reading]
    undatable: list[tuple[float, int, int]]  # value, earliest, latest
    waiting: list[float]


def found(path: Path) -> Found:
    dated, lost, waiting = [], [], []
    with closing(sqlite3.connect(path)) as db:
        for (data,) in db.execute("SELECT payload FROM packs ORDER BY journal, seq"):
            payload = zlib.decompress(data)
            try:
                dated += decode_pack(payload).readings
            except SenmlError:
                pack = undatable.decode(payload)
                assert pack is not None
                lost += [(record[3], pack.earliest_ms, pack.latest_ms) for record in pack.records]
        for (data,) in db.execute("SELECT payload FROM undated"):
            waiting += [row[3] for row in json.loads(zlib.decompress(data))]
    return Found(dated, lost, waiting)


SYSTEM = ClockSettings(trust=Trust.SYSTEM, settle_s=0)


@pytest.mark.parametrize("equal", [True, False], ids=["equal values", "other values"])
@pytest.mark.parametrize("restart", [True, False], ids=["after a restart", "while it runs"])
async def test_a_clock_that_went_back_doubles_no_identity(tmp_path: Path, equal: bool, restart: bool) -> None:
    path, clocks = tmp_path / "j.db", Clocks(1, BOOT, HOUR_MS)

    async def many(first: float) -> None:
        for step in range(300):
            clocks.uptime += 10
            await one.read(1.0 if equal else first + step)

    async with life(path, clocks, SYSTEM) as one:
        start = clocks.uptime
        await many(0)
        if not restart:
            clocks.off -= clocks.uptime - start
            one.timekeeper.look()
            one.timekeeper.look()
            await many(5_000)
    if restart:
        clocks.off -= clocks.uptime - start
        async with life(path, clocks, SYSTEM) as one:
            await many(5_000)
    readings = found(path).dated
    assert len(readings) == 600
    assert len({reading.key for reading in readings}) == 600
    if not equal:
        assert len({reading.value for reading in readings}) == 600


async def test_what_a_device_repeats_after_a_restart_is_still_known_to_be_the_same(tmp_path: Path) -> None:
    path, clocks = tmp_path / "j.db", Clocks(1, BOOT)
    old = [Reading("m-1", "pm25", BOOT - HOUR_MS + at, float(at)) for at in range(3)]
    async with life(path, clocks, SYSTEM) as one:
        await one.acceptance.keep(old)
        for _ in range(300):  # further back than what is remembered
            clocks.uptime += 1_000
            await one.read(2.0)
    async with life(path, clocks, SYSTEM) as one:
        await one.acceptance.keep(old)
        assert one.acceptance.keys.duplicates == 3
    assert len(found(path).dated) == 303


async def test_a_boot_that_knows_no_time_packs_what_devices_date_themselves(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    async with life(path, Clocks(1, BOOT, -BOOT), ClockSettings(trust=Trust.LADDER)) as one:
        await one.acceptance.keep(
            [Reading("m-1", "pm25", BOOT, 1.0), Reading("pm-1", "pm25", one.timekeeper.now_ms(), 2.0)]
        )
    assert [reading.value for reading in found(path).dated] == [1.0]
    assert found(path).waiting == [2.0]


class Gateway:
    """A gateway to which things happen, in any order. Every reading has a value of its own and a true time."""

    def __init__(self, directory: Path, seed: int, settings: ClockSettings) -> None:
        self.path, self.rng, self.settings = directory / "j.db", Random(seed), settings
        self.true_ms, self.boots, self.taken = BOOT, 0, 0
        self.truth: dict[float, int] = {}
        self.clocks = self.boot()

    def boot(self) -> Clocks:
        self.boots += 1
        self.true_ms += self.rng.randrange(5_000, 500_000)
        off = self.rng.choice([-BOOT, -BOOT, -HOUR_MS, 0])
        return Clocks(self.boots, self.true_ms, off, synchronised=False)

    def passes(self, ms: int) -> None:
        self.true_ms += ms
        self.clocks.uptime = self.true_ms - self.clocks.boot_ms

    async def live(self) -> None:
        for _ in range(self.rng.randrange(2, 6)):
            async with life(self.path, self.clocks, self.settings) as one:
                for _ in range(self.rng.randrange(3, 25)):
                    await self.happen(one)
            if self.rng.random() < 0.6:
                self.clocks = self.boot()

    async def happen(self, one: Life) -> None:
        rng = self.rng
        self.passes(rng.randrange(1, 3_000))
        match rng.choices(("read", "hub", "look", "step", "date"), (6, 2, 2, 1, 1))[0]:
            case "read":
                at = one.timekeeper.now_ms()
                self.taken += 1
                self.truth[self.taken] = self.true_ms
                self.passes(rng.choice([0, 1, 700]))  # it waits for its group
                if rng.random() < 0.5:
                    one.timekeeper.look()
                await one.acceptance.keep([Reading("pm-1", "pm25", at, float(self.taken))])
            case "hub":
                one.timekeeper.hear(Rung.HUB, self.true_ms - rng.randrange(200))
            case "look":
                one.timekeeper.look()
            case "step":
                clocks = self.clocks
                clocks.off = rng.choice([-BOOT, -HOUR_MS, 0, 30 * 24 * HOUR_MS])
                clocks.in_step = clocks.off == 0 and rng.random() < 0.5
                one.timekeeper.look()
            case "date":
                await one.acceptance.date()


@examples(20)
@given(seed=st.integers(0, 2**32))
@pytest.mark.parametrize("trust", [Trust.LADDER, Trust.SYSTEM])
def test_whatever_happens_each_reading_is_there_once_at_a_time_that_can_be(trust: Trust, seed: int) -> None:
    with TemporaryDirectory() as directory:
        gateway = Gateway(Path(directory), seed, ClockSettings(trust=trust, settle_s=0))
        asyncio.run(gateway.live())
        dated, lost, waiting = found(gateway.path)
        values = sorted([*(r.value for r in dated), *(value for value, _, _ in lost), *waiting])
        assert values == [float(number) for number in range(1, gateway.taken + 1)], "each once"
        assert len({reading.key for reading in dated}) == len(dated)
        assert all(reading.observed_at >= FLOOR_MS for reading in dated)
        if trust is Trust.LADDER:
            off = [reading.observed_at - gateway.truth[reading.value] for reading in dated]
            assert all(-1_000 <= ms <= 100 for ms in off), (
                "hub and NTP tell the truth, whatever the system clock does"
            )
            assert all(
                earliest - 1_000 <= gateway.truth[value] <= latest + 1_000 for value, earliest, latest in lost
            )


def test_the_worlds_do_what_can_happen(tmp_path: Path) -> None:
    """Else the test above could not fail."""
    dated = undatable_ones = waiting = 0
    for seed in range(12):
        (tmp_path / str(seed)).mkdir()
        gateway = Gateway(tmp_path / str(seed), seed, ClockSettings(trust=Trust.LADDER, settle_s=0))
        asyncio.run(gateway.live())
        one = found(gateway.path)
        dated, undatable_ones, waiting = (
            dated + len(one.dated),
            undatable_ones + len(one.undatable),
            waiting + len(one.waiting),
        )
    assert min(dated, undatable_ones, waiting) > 10
    assert UNDATED_MS < 0
