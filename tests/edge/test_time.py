"""Time is data: the real agent and its real journal on a host whose clocks say what they are told to, and a hub that answers."""

import asyncio
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, closing
from datetime import UTC, datetime
from functools import reduce
from operator import xor
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from edge.config import EdgeConfig, check
from edge.settings import SerialDevice
from telemetry.packs import decode_pack
from telemetry.reading import Reading
from tests.peers import NOBODY, SETTLE_S, Centre, Host, agent, edge_config, now_ms, speed
from tests.waiting import until

if TYPE_CHECKING:
    from conftest import PtyPort

Y1970 = 5_000
HOUR_MS = 3_600_000
CONFIG = """
[broker]
url = "{url}"
root = "{root}"
[journal]
path = "{directory}/journal.db"
commit_ms = 20
[clock]
trust = "{trust}"
settle_s = 0
[[serial]]
path = "{directory}/ttyTEST0"
protocol = "ops243"
sensor = "radar-1"
period_s = 0
"""


def configured(directory: Path, url: str, *, trust: str = "ladder") -> EdgeConfig:
    return edge_config(CONFIG, directory=directory, url=url, trust=trust)


def collecting(config: EdgeConfig, host: Host) -> AbstractAsyncContextManager[asyncio.Event]:
    return agent(config, host, settle_s=SETTLE_S)


class Street:
    """Sends speeds and knows when."""

    def __init__(self, port: "PtyPort", config: EdgeConfig) -> None:
        self._port, self._path = port, Path(config.journal.path)
        self.sent: dict[float, int] = {}

    async def send(self, *values: float) -> None:
        """Each value, and it is in the journal."""
        for value in values:
            before = self.rows()
            self.sent[value] = now_ms()
            self._port.send(speed(value))
            await until(lambda before=before: self.rows() != before)  # type: ignore[misc]

    def rows(self) -> tuple[int, int]:
        """Readings in packs, and undated ones."""
        return self.ask("SELECT coalesce(sum(readings), 0) FROM packs"), self.ask(
            "SELECT coalesce(sum(readings), 0) FROM undated"
        )

    def ask(self, query: str) -> int:
        with closing(sqlite3.connect(f"file:{self._path}?mode=ro", uri=True)) as database:
            return int(database.execute(query).fetchone()[0])

    def packed(self) -> list[Reading]:
        """By a reader of our own, in the order the packs were formed."""
        with closing(sqlite3.connect(f"file:{self._path}?mode=ro", uri=True)) as database:
            rows = database.execute("SELECT payload FROM packs ORDER BY formed_ms, journal, seq").fetchall()
        return [reading for (data,) in rows for reading in decode_pack(zlib.decompress(data)).readings]

    def check(self, readings: list[Reading], values: list[float]) -> None:
        """These values once each, in this order, at the time they were sent at."""
        assert [reading.value for reading in readings] == values
        assert [r for r in readings if abs(r.observed_at - self.sent[r.value]) > 1_000] == []
        assert len({reading.key for reading in readings}) == len(readings)


async def test_a_boot_in_1970_takes_readings_at_once_and_the_hubs_time_dates_them(
    pty_port: "PtyPort", tmp_path: Path, mosquitto_url: str
) -> None:
    config = configured(tmp_path, mosquitto_url)
    pty_port.plug()
    street = Street(pty_port, config)
    async with collecting(config, Host(Y1970)):
        await street.send(30.5, 31.5, 32.5)
        assert street.rows() == (0, 3), "no pack is formed from them"
        async with Centre(config).running() as hub:
            await until(lambda: len(hub.readings) == 3)
            await street.send(33.5)
            await until(lambda: len(hub.readings) == 4)
            await until(lambda: hub.states[-1].clock is not None and hub.states[-1].clock.source == "hub")
    street.check(hub.readings, [30.5, 31.5, 32.5, 33.5])
    street.check(street.packed(), [30.5, 31.5, 32.5, 33.5])
    assert street.rows() == (4, 0)
    waited = [state for state in hub.states if state.clock is not None and state.clock.undated == 3]
    assert {(state.clock.source if state.clock else None, state.time_ms) for state in waited} == {("", 0)}
    assert hub.states[-1].clock is not None
    assert hub.states[-1].clock.undated == 0
    assert (hub.states[-1].clock.ahead_ms or 0) < -50 * 365 * 86_400_000
    sessions = [birth.session for birth in hub.births]
    assert sessions == sorted(sessions)
    assert sessions[-1][0] > 10**12, "a session that no earlier life can have"


async def test_undated_readings_survive_a_restart_in_the_same_boot(
    pty_port: "PtyPort", tmp_path: Path, mosquitto_url: str
) -> None:
    config = configured(tmp_path, mosquitto_url)
    pty_port.plug()
    street, host = Street(pty_port, config), Host(Y1970)
    async with collecting(config, host):
        await street.send(30.5)
    async with collecting(config, host):
        await street.send(31.5)
        async with Centre(config).running() as hub:
            await until(lambda: len(hub.readings) == 2)
    async with collecting(config, host):
        await street.send(32.5)
        assert street.rows() == (3, 0), "the third life knows what the second has learned"
    street.check(street.packed(), [30.5, 31.5, 32.5])


async def test_a_boot_that_ended_undated_is_sent_with_its_bracket(
    pty_port: "PtyPort", tmp_path: Path, mosquitto_url: str
) -> None:
    config = configured(tmp_path, mosquitto_url)
    pty_port.plug()
    street = Street(pty_port, config)
    async with Centre(config).running() as hub, collecting(config, Host(Y1970)):
        await street.send(29.5)
        await until(lambda: len(hub.readings) == 1)
    lost = Host(Y1970)
    away = msgspec.structs.replace(config, broker=msgspec.structs.replace(config.broker, url=NOBODY))
    async with collecting(away, lost):
        await street.send(30.5, 31.5)
    assert street.rows() == (1, 2)
    async with Centre(config).running() as hub, collecting(config, Host(Y1970)):
        await street.send(32.5)
        await until(lambda: len(hub.readings) == 1 and bool(hub.undatable))
        await until(lambda: street.ask("SELECT count(*) FROM packs WHERE acknowledged_ms IS NULL") == 0)
    street.check(hub.readings, [32.5])
    (pack,) = hub.undatable
    assert (pack.boot, pack.site) == (lost.boot_id, "bai-chay")
    assert [(record[0], record[3]) for record in pack.records] == [("radar-1", 30.5), ("radar-1", 31.5)]
    assert pack.earliest_ms <= street.sent[30.5] + 50
    assert street.sent[31.5] <= pack.latest_ms
    assert pack.earliest_ms >= street.sent[29.5] - 1_000
    assert street.rows() == (4, 0)


async def test_a_boot_that_was_trusted_and_cut_before_it_was_dated_is_dated_by_the_next(
    pty_port: "PtyPort", tmp_path: Path
) -> None:
    config = configured(tmp_path, NOBODY)
    pty_port.plug()
    street, host = Street(pty_port, config), Host(Y1970)
    async with collecting(config, host):
        await street.send(30.5)
    offset = now_ms() - host.uptime_ms()
    with closing(sqlite3.connect(config.journal.path)) as journal, journal:
        journal.execute(
            "INSERT INTO clock(boot, kind, source, uptime_ms, offset_ms, change_ms) VALUES (?, 'trusted', 'hub', 0, ?, 0)",
            (host.boot_id, offset),
        )
    next_boot = Host(0, synchronised=True)
    next_boot.system_ms = now_ms() - next_boot.uptime_ms()
    async with collecting(config, next_boot):
        await until(lambda: street.rows() == (1, 0))
    street.check(street.packed(), [30.5])


async def test_steps_of_the_system_clock_move_no_reading_and_are_recorded(
    pty_port: "PtyPort", tmp_path: Path, mosquitto_url: str
) -> None:
    config = configured(tmp_path, mosquitto_url)
    pty_port.plug()
    street = Street(pty_port, config)
    host = Host(0, synchronised=True)
    right = host.system_ms = now_ms() - host.uptime_ms()
    async with Centre(config).running() as hub:
        async with collecting(config, host):
            host.in_step = False  # as the kernel says after any settimeofday
            await street.send(30.5)
            for step, value in ((-HOUR_MS, 31.5), (30 * 24 * HOUR_MS, 32.5), (-right, 33.5)):
                host.system_ms = right + step
                known = street.ask("SELECT count(*) FROM clock WHERE kind = 'stepped'")
                await until(
                    lambda known=known: (
                        street.ask("SELECT count(*) FROM clock WHERE kind = 'stepped'") > known
                    )  # type: ignore[misc]
                )
                await street.send(value)
            await until(lambda: len(hub.readings) == 4)
        await until(lambda: not hub.states[-1].online)
    street.check(hub.readings, [30.5, 31.5, 32.5, 33.5])
    assert hub.states[-1].clock is not None
    assert (hub.states[-1].clock.source, hub.states[-1].clock.steps) == ("ntp", 3)
    assert hub.states[-1].clock.corrections == 0


async def test_the_gateways_own_receiver_dates_readings_without_a_hub(
    pty_port: "PtyPort", tmp_path: Path, gnss_port: "PtyPort"
) -> None:
    config = configured(tmp_path, NOBODY)
    receiver = SerialDevice(path=str(gnss_port.link), protocol="nmea0183", sensor="gnss", period_s=0)
    clock = msgspec.structs.replace(config.clock, gnss="gnss")
    config = msgspec.structs.replace(config, serial=(*config.serial, receiver), clock=clock)
    check(config)
    pty_port.plug()
    gnss_port.plug()
    street = Street(pty_port, config)
    async with collecting(config, Host(Y1970)):
        await street.send(30.5)
        assert street.rows() == (0, 1)
        for status in "VAAA":
            gnss_port.send(rmc(now_ms(), status))
            await asyncio.sleep(0.6)
        await until(lambda: street.rows() == (1, 0))
    street.check(street.packed(), [30.5])


def rmc(now_ms: int, status: str) -> bytes:
    now = datetime.fromtimestamp(now_ms / 1000, UTC)
    body = f"GPRMC,{now:%H%M%S}.{now.microsecond // 10_000:02},{status},2057.53,N,10702.56,E,0.0,0.0,{now:%d%m%y},,"
    return f"${body}*{reduce(xor, body.encode()):02X}\r\n".encode()


@pytest.fixture
def gnss_port(pty_port: "PtyPort") -> Iterator["PtyPort"]:
    """A second port."""
    port = type(pty_port)(pty_port.link.with_name("ttyGNSS"))
    yield port
    port.unplug()
