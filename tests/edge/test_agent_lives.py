"""What one life of the agent leaves to the next: packs, counts, what was said of an instrument."""

import asyncio
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from edge import logbookfile
from edge.config import EdgeConfig
from edge.logbook import Period, Swap
from telemetry.reading import InstrumentState
from tests.edge.whole_agent import configured, journalled, values
from tests.peers import NOBODY, SETTLE_S, Centre, agent, speed
from tests.waiting import until

if TYPE_CHECKING:
    from conftest import PtyPort

ROOT = Path(__file__).parents[2]


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
