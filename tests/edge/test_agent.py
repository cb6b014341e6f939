"""The agent as a whole: a real pty, a real broker, a real journal, and an ingest of twenty lines."""

import asyncio
import sqlite3
import sys
import time
import zlib
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import msgspec
import pytest

from edge import logbookfile, statusfile
from edge.account import Count
from edge.agent import Agent, run
from edge.config import EdgeConfig, check
from edge.hostclock import LinuxHost
from edge.journal import JournalUnavailableError
from edge.journalthread import JournalThread
from edge.logbook import Period, Swap
from edge.packing import NewPack
from edge.packtable import PackRow
from edge.publishers import HttpListener, HttpSensor
from edge.status import config_hash
from edge.tallies import Untold
from edge.timekeeper import Timekeeper
from halong.installation import free_port
from runtime.config import ConfigError
from telemetry.messages import Epoch
from telemetry.packs import decode_pack
from telemetry.reading import InstrumentState, Reading
from tests.peers import NOBODY, SETTLE_S, Centre, agent, edge_config, speed
from tests.waiting import until

if TYPE_CHECKING:
    from conftest import PtyPort

ROOT = Path(__file__).parents[2]
CONFIG = """
[broker]
url = "{url}"
root = "{root}"
[clock]
trust = "system"
[journal]
path = "{directory}/journal.db"
commit_ms = 20
[[serial]]
path = "{directory}/ttyTEST0"
protocol = "ops243"
sensor = "radar-1"
period_s = 0
[[mqtt]]
topic = "{root}/devices/co2"
sensor = "co2-1"
fields = {{ co2 = {{ path = "v" }} }}
time = "at"
"""


def configured(directory: Path, url: str) -> EdgeConfig:
    return edge_config(CONFIG, directory=directory, url=url)


def journalled(config: EdgeConfig) -> list[tuple[Reading, bool]]:
    """Every reading in the journal and whether it is acknowledged, by a reader of our own."""
    path = Path(config.journal.path)
    if not path.exists():
        return []
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as database:
        rows = database.execute(
            "SELECT payload, acknowledged_ms FROM packs ORDER BY formed_ms, seq"
        ).fetchall()
    database.close()
    return [
        (reading, acknowledged is not None)
        for payload, acknowledged in rows
        for reading in decode_pack(zlib.decompress(payload)).readings
    ]


def values(readings: Sequence[Reading]) -> list[float]:
    return sorted(reading.value for reading in readings)


async def test_readings_go_from_the_street_to_ingest_and_are_acknowledged(
    pty_port: "PtyPort", tmp_path: Path, mosquitto_url: str
) -> None:
    config = configured(tmp_path, mosquitto_url)
    pty_port.plug()
    async with Centre(config).running() as hub:
        async with agent(config):
            await until(
                lambda: any(port.up for state in hub.states for port in state.ports) or bool(hub.births)
            )
            await asyncio.sleep(SETTLE_S)
            pty_port.send(speed(30.5) + speed(40.0))
            await hub.publish("devices/co2", b'{"v": 400, "at": 1700000000}')
            await until(lambda: len(hub.readings) == 3)
        await until(lambda: not hub.states[-1].online)
    (birth, *_) = hub.births
    assert [(sensor.id, sensor.period_s) for sensor in birth.sensors] == [("radar-1", 0.0), ("co2-1", 0.0)]
    assert birth.site == config.site
    assert birth.session[1] >= 1
    assert values(hub.readings) == [30.5, 40.0, 400.0]
    assert hub.sites == {"bai-chay"}
    last = hub.states[-1]
    assert last.accepted == 3
    assert {port.name: port.readings for port in last.ports} == {
        f"{tmp_path}/ttyTEST0": 2,
        f"{config.broker.root}/devices/co2": 1,
    }
    assert [acknowledged for _, acknowledged in journalled(config)] == [True] * 3


async def test_it_tells_how_it_does_in_a_file_and_in_its_state(
    pty_port: "PtyPort", tmp_path: Path, mosquitto_url: str
) -> None:
    config = configured(tmp_path, mosquitto_url)
    pty_port.plug()
    async with Centre(config).running() as hub:
        async with agent(config):
            await until(lambda: bool(hub.births))
            await asyncio.sleep(SETTLE_S)
            pty_port.send(speed(30.5) + b'{"unit":"kmph","speed":"x"}\r\n')
            await until(lambda: len(hub.readings) == 1)
        await until(lambda: not hub.states[-1].online)
    seen = statusfile.read(tmp_path / "status.json")
    assert (seen.gateway, seen.accepted, seen.config, seen.journal.packs_waiting) == (
        "gw-1",
        1,
        config_hash(config),
        0,
    )
    assert {one.id: (one.read, one.bad, one.expected) for one in seen.sensors} == {
        "radar-1": (1, 1, None),
        "co2-1": (0, 0, None),
    }
    assert (seen.journal.bytes > 0, seen.last_ack_ms is not None) == (True, True)
    assert hub.states[-1].config == config_hash(config)


async def test_without_a_broker_it_collects_and_a_later_life_delivers(
    pty_port: "PtyPort", tmp_path: Path, mosquitto_url: str
) -> None:
    config = configured(tmp_path, NOBODY)
    pty_port.plug()
    async with agent(config):
        await asyncio.sleep(SETTLE_S)
        pty_port.send(speed(30.5) + speed(41.5))
        await until(lambda: len(journalled(config)) == 2)
    assert [acknowledged for _, acknowledged in journalled(config)] == [False] * 2
    later = configured(tmp_path, mosquitto_url)
    async with Centre(later).running() as hub, agent(later):
        await until(lambda: len(hub.readings) == 2)
    assert [acknowledged for _, acknowledged in journalled(later)] == [True] * 2
    assert values(hub.readings) == [30.5, 41.5]


async def test_the_last_group_is_committed_at_the_end(pty_port: "PtyPort", tmp_path: Path) -> None:
    config = configured(tmp_path, NOBODY)
    slow = msgspec.structs.replace(config, journal=msgspec.structs.replace(config.journal, commit_ms=10_000))
    pty_port.plug()
    async with agent(slow):
        await asyncio.sleep(SETTLE_S)
        pty_port.send(speed(30.5))
        await asyncio.sleep(SETTLE_S)
        assert journalled(slow) == []
    assert [reading.value for reading, _ in journalled(slow)] == [30.5]


def killable(config: EdgeConfig) -> str:
    """A program that is this agent."""
    return f"""
import asyncio, msgspec
from edge.agent import run
from edge.config import EdgeConfig
asyncio.run(run(msgspec.json.decode({msgspec.json.encode(config)!r}, type=EdgeConfig), stop=asyncio.Event()))
"""


async def test_an_hour_split_by_kills_gets_manifests_that_add_up(
    pty_port: "PtyPort", tmp_path: Path, mosquitto_url: str
) -> None:
    config = configured(tmp_path, mosquitto_url)
    pty_port.plug()
    sent = 0
    async with Centre(config).running() as hub:
        for life in (1, 2):
            killed = await asyncio.create_subprocess_exec(sys.executable, "-c", killable(config), cwd=ROOT)
            await until(lambda life=life: len({b.session[0] for b in hub.births}) == life)  # type: ignore[misc]
            await asyncio.sleep(SETTLE_S)
            pty_port.send(speed(30.0 + life) + b'{"unit":"kmph","speed":"x"}\r\n' + speed(40.0 + life))
            await hub.publish("devices/co2", b'{"v": 400, "at": 1700000000}')
            sent += 2
            await until(lambda sent=sent: len(journalled(config)) == sent + 1)  # type: ignore[misc]
            killed.kill()
            await killed.wait()
        assert hub.manifests == {} or len({journal for _, journal, _ in hub.manifests}) == 1
        async with agent(config):
            await asyncio.sleep(SETTLE_S)
            await hub.publish("devices/co2", b'{"v": 400, "at": 1700000000}')
            await until(lambda: len({journal for _, journal, _ in hub.manifests}) >= 2)
        await until(lambda: not hub.states[-1].online)
    radar = [one for one in hub.manifests.values() if one.sensor == "radar-1"]
    assert (sum(one.read for one in radar), sum(one.accepted for one in radar)) == (4, 4)
    assert all(one.expected is None for one in radar)
    assert sum(one.bad for one in radar) == 2
    told = [one for one in hub.manifests.values() if one.hour_ms == 1_699_999_200_000]
    assert {one.sensor for one in told} == {"co2-1"}
    assert (sum(one.accepted for one in told), sum(one.late for one in told)) == (1, 1)
    assert sum(one.duplicate for one in told) >= 1  # those of a killed life only when a commit followed
    assert all(one.read == one.accepted + one.duplicate for one in hub.manifests.values())
    assert sum(one.accepted for one in hub.manifests.values()) == len(journalled(config))


async def test_a_push_is_journalled_and_counted(tmp_path: Path, mosquitto_url: str) -> None:
    port = free_port()
    node = HttpSensor(node="esp8266-1", sensor="node-1")
    config = msgspec.structs.replace(
        configured(tmp_path, mosquitto_url), http=(HttpListener(port=port, sensors=(node,)),)
    )
    check(config)
    body = b'{"esp8266id":"1","sensordatavalues":[{"value_type":"SDS_P2","value":"8.1"}]}'
    async with Centre(config).running() as hub:
        async with agent(config):
            await until(lambda: bool(hub.births))
            await asyncio.sleep(SETTLE_S)
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(
                b"POST /v1/push-sensor-data/ HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body) + body
            )
            assert (await reader.read()).startswith(b"HTTP/1.1 200 ")
            writer.close()
            await until(lambda: len(hub.readings) == 1)
        await until(lambda: not hub.states[-1].online)
    assert [(one.sensor, one.quantity, one.value) for one in hub.readings] == [("node-1", "pm25", 8.1)]
    assert {one.name: one.readings for one in hub.states[-1].ports if one.name.startswith("http")} == {
        f"http 127.0.0.1:{port}": 1,
        f"http 127.0.0.1:{port} node-1": 1,
    }


async def test_what_a_source_repeats_after_a_restart_is_known(tmp_path: Path, mosquitto_url: str) -> None:
    config = configured(tmp_path, mosquitto_url)
    payload = b'{"v": 400, "at": 1700000000}'
    async with Centre(config).running() as hub:
        for life in (1, 2):
            async with agent(config):
                await until(lambda life=life: len({b.session[0] for b in hub.births}) == life)  # type: ignore[misc]
                await asyncio.sleep(SETTLE_S)
                await hub.publish("devices/co2", payload)
                await until(lambda: bool(journalled(config)))
                await asyncio.sleep(SETTLE_S)
        await until(lambda: hub.states[-1].duplicates == 1)
    assert len(journalled(config)) == 1


async def test_a_new_ingest_hears_the_birth_again_and_gets_what_waits(
    pty_port: "PtyPort", tmp_path: Path, mosquitto_url: str
) -> None:
    config = configured(tmp_path, mosquitto_url)
    pty_port.plug()
    async with Centre(config).running() as hub, agent(config):
        hub.willing = False
        await until(lambda: bool(hub.births))
        await asyncio.sleep(SETTLE_S)
        pty_port.send(speed(30.5))
        await until(lambda: len(journalled(config)) == 1)
        heard, hub.willing = len(hub.births), True
        await hub.publish("ingest/all", msgspec.json.encode(Epoch("e2", online=True)))
        await until(lambda: len(hub.births) > heard)
        await until(lambda: set(values(hub.readings)) == {30.5})  # once or twice: it may have been on its way


async def test_a_journal_in_use_is_one_clear_line(tmp_path: Path) -> None:
    config = configured(tmp_path, NOBODY)
    async with JournalThread.open(Path(config.journal.path), clock=lambda: 0, rng=Random(1)):
        with pytest.raises(ConfigError, match=r"journal .*journal\.db: another agent is using it"):
            await run(config, stop=asyncio.Event())


class ReluctantJournal(JournalThread):
    """Refuses the first append, as a full disk does."""

    def __init__(self, journal: JournalThread) -> None:
        super().__init__(journal._journal, journal._worker)
        self.refused = 0

    async def append(
        self,
        packs: Sequence[NewPack],
        now_ms: int,
        counts: Sequence[Count] = (),
        told: Sequence[Untold] = (),
    ) -> list[PackRow]:
        if not self.refused:
            self.refused += 1
            raise JournalUnavailableError("disk full")
        return await super().append(packs, now_ms, counts, told)


async def test_a_journal_that_refuses_is_tried_again_with_the_same_readings(
    pty_port: "PtyPort", tmp_path: Path
) -> None:
    config = configured(tmp_path, NOBODY)
    pty_port.plug()
    stop = asyncio.Event()
    keeper = Timekeeper(config.clock, LinuxHost())
    async with JournalThread.open(Path(config.journal.path), clock=lambda: 0, rng=Random(1)) as journal:
        reluctant = ReluctantJournal(journal)
        task = asyncio.create_task(Agent(config, reluctant, timekeeper=keeper, rng=Random(1)).run(stop))
        await asyncio.sleep(SETTLE_S)
        pty_port.send(speed(30.5))
        await until(lambda: len(journalled(config)) == 1)
        stop.set()
        await task
    assert reluctant.refused == 1


async def test_what_is_said_of_an_instrument_marks_its_readings_from_then_on_and_after_a_restart(
    pty_port: "PtyPort", tmp_path: Path, mosquitto_url: str
) -> None:
    config = configured(tmp_path, mosquitto_url)
    book = logbookfile.beside(Path(config.journal.path))
    pty_port.plug()
    async with Centre(config).running() as hub:
        async with agent(config):
            await until(lambda: bool(hub.births))
            await asyncio.sleep(SETTLE_S)
            pty_port.send(speed(9.0))
            await until(lambda: len(hub.readings) == 1)
            calibrating = Period("radar-1", InstrumentState.CALIBRATING, time.time_ns() // 1_000_000)
            logbookfile.write(book, lambda logbook: logbook.said(calibrating))
            logbookfile.write(
                book, lambda logbook: logbook.swapped(Swap("radar-1", 1_700_000_000_000, "B-2"))
            )
            pty_port.send(speed(1.0))
            await until(lambda: len(hub.readings) == 2)
            await until(lambda: len(hub.births) >= 2)
        async with agent(config):
            await until(lambda: any(birth.session > hub.births[0].session for birth in hub.births))
            await asyncio.sleep(SETTLE_S)
            pty_port.send(speed(2.0))
            await until(lambda: len(hub.readings) == 3)
            measuring = Period("radar-1", InstrumentState.MEASURING, time.time_ns() // 1_000_000)
            logbookfile.write(book, lambda logbook: logbook.said(measuring))
            pty_port.send(speed(3.0))
            await until(lambda: len(hub.readings) == 4)
    assert [(one.value, one.flags) for one in hub.readings] == [(9, 0), (1, 32), (2, 32), (3, 0)]
    described = [
        (sensor.serial, sensor.installed_ms)
        for birth in hub.births
        for sensor in birth.sensors
        if sensor.id == "radar-1"
    ]
    assert described[0] == ("", None)
    assert set(described[1:]) == {("B-2", 1_700_000_000_000)}
