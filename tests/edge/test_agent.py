"""The agent as a whole: a real pty, a real broker, a real journal, and an ingest of twenty lines."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import msgspec
import pytest

from edge import statusfile
from edge.account import Count
from edge.agent import Agent, run
from edge.config import check
from edge.hostclock import LinuxHost
from edge.journalaccess import JournalUnavailableError
from edge.journalthread import JournalThread
from edge.packing import NewPack
from edge.packtable import PackRow
from edge.publishers import HttpListener, HttpSensor
from edge.status import config_hash
from edge.tallies import Untold
from edge.timekeeper import Timekeeper
from halong.installation import free_port
from runtime.config import ConfigError
from telemetry.messages import Epoch
from tests.edge.whole_agent import configured, journalled, values
from tests.peers import NOBODY, SETTLE_S, Centre, agent, speed
from tests.waiting import until

if TYPE_CHECKING:
    from conftest import PtyPort


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
