"""`halong edge monitor`: live frames, bytes beside meaning, and error counters; on free ports, or beside a running agent.

On free ports the agent's own port loops run here, into nothing. Beside an agent its tap tells the frames, and its status file the
counters since its start.
"""

import asyncio
import os
from collections.abc import Callable, Coroutine, Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from edge import holders, statusfile, tapsocket
from edge.config import EdgeConfig
from edge.ports import build_ports
from edge.scanning import configure
from edge.scanning.port import Outcome, Plan, PortScan
from edge.scanning.probes import all_maps
from edge.tap import Heard
from runtime.config import parse
from telemetry.inventory import Site
from telemetry.messages import PortCounters
from telemetry.reading import Reading
from telemetry.times import CITY_ZONE

SHOWN_BYTES = 48
SCAN_S = 2.5

Event = dict[str, Any]
Tell = Callable[[Event], None]


class MonitorError(Exception):
    """Nothing can be shown; the message says why."""


class Counted(NamedTuple):
    """What was counted, and since when in words."""

    since: str
    ports: Sequence[PortCounters]


class Screen:
    """Shows frames as they come, by `show`, and counts the good ones."""

    def __init__(self, show: Callable[[str], None], *, as_json: bool) -> None:
        self._show, self._as_json = show, as_json
        self.good = 0

    def tell(self, event: Event) -> None:
        """One frame."""
        self.good += event["verdict"] != "reject"
        self._show(msgspec.json.encode(event).decode() if self._as_json else line(event))


def only(config: EdgeConfig, port: str) -> EdgeConfig | None:
    """The configuration with this port alone, by any of its names; None when it is not in it."""
    real = os.path.realpath(port)
    serial = tuple(device for device in config.serial if os.path.realpath(device.path) == real)
    modbus = tuple(bus for bus in config.modbus if os.path.realpath(bus.path) == real)
    if not serial and not modbus:
        return None
    return msgspec.structs.replace(config, serial=serial, modbus=modbus)


def paths(config: EdgeConfig) -> list[str]:
    """Its serial ports."""
    return [device.path for device in config.serial] + [bus.path for bus in config.modbus]


def held_by_agent(config: EdgeConfig) -> bool:
    """Whether the agent of this very configuration runs; raises MonitorError when another program has locked a port."""
    if not paths(config):
        raise MonitorError("the configuration has no serial port")
    agent = holders.of_journal(Path(config.journal.path))
    if agent is not None:
        return True
    for path in paths(config):
        if (held := holders.of_lock(Path(path))) is not None:
            raise MonitorError(
                f"{path} is held by {held}: stop it, or give the configuration of the agent that holds it"
            )
    return False


async def ended(stop: asyncio.Event, after_s: float | None) -> None:
    """Return at `stop`, or after so long."""
    with suppress(TimeoutError):
        async with asyncio.timeout(after_s):
            await stop.wait()


async def watch(
    config: EdgeConfig,
    end: Coroutine[Any, Any, None],
    screen: Screen,
    *,
    by_agent: bool,
    clock: Callable[[], int],
) -> Counted:
    """Show frames until `end` returns; raises MonitorError."""
    stop = asyncio.Event()
    ending = asyncio.create_task(end)
    ending.add_done_callback(lambda done: stop.set())
    try:
        if by_agent:
            return await beside(config, stop, screen.tell)
        return await free(config, stop, clock, screen.tell)
    finally:
        ending.cancel()


async def recognised(port: str, units: Iterable[int], clock: Callable[[], int]) -> EdgeConfig:
    """A configuration for what a scan finds on this one port; raises MonitorError."""
    plan = Plan(SCAN_S, tuple(units), all_maps(()))
    report = await PortScan(port, plan, clock=clock, tell=lambda what, share: None).run()
    if report.outcome is Outcome.HELD:
        raise MonitorError(f"{port} is held by {report.detail}: stop it, or give the agent's configuration")
    if report.outcome is Outcome.AWAY:
        raise MonitorError(f"{port} cannot be opened: {report.detail}")
    usable = [found for found in report.found if found.works]
    if not usable:
        raise MonitorError(
            f"nothing is recognised on {port} ({report.heard} bytes heard): see `halong edge scan`"
        )
    header = configure.Header("monitor", Site("monitor", "monitor", 0.0, 0.0), "mqtt://127.0.0.1:1883")
    found = parse(configure.written(header, [configure.Port(port, usable)]), EdgeConfig, port)
    return found.located_in(Path("/nonexistent"))  # it has no journal, so no agent


async def free(config: EdgeConfig, stop: asyncio.Event, clock: Callable[[], int], tell: Tell) -> Counted:
    """Read the ports here until `stop`."""
    ports = build_ports(config, _nowhere, clock, tap=lambda heard: tell(_event(heard, clock())))
    tasks = [asyncio.create_task(port.run()) for port in ports]
    await asyncio.wait([asyncio.create_task(stop.wait()), *tasks], return_when=asyncio.FIRST_COMPLETED)
    counted = [counters for port in ports for counters in port.counters()]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return Counted("since this began", counted)


async def beside(config: EdgeConfig, stop: asyncio.Event, tell: Tell) -> Counted:
    """Listen to the running agent until `stop`; raises MonitorError."""
    journal = Path(config.journal.path)
    try:
        async with tapsocket.listening(tapsocket.beside(journal)) as lines:
            wanted = {sensor.id for sensor in config.sensors()}

            async def hear() -> None:
                async for line in lines:
                    event: Event = msgspec.json.decode(line)
                    if event["sensor"] in wanted:
                        tell(event)

            hearing, stopping = asyncio.create_task(hear()), asyncio.create_task(stop.wait())
            await asyncio.wait([hearing, stopping], return_when=asyncio.FIRST_COMPLETED)
            ended = not stop.is_set()
            for task in (hearing, stopping):
                task.cancel()
            await asyncio.gather(hearing, stopping, return_exceptions=True)
    except OSError as error:
        raise MonitorError(
            f"the agent holds the ports and cannot be listened to: {error.strerror or error}"
        ) from None
    if ended:
        raise MonitorError("the agent has ended, or too many listen")
    try:
        status = statusfile.read(statusfile.beside(journal))
    except statusfile.StatusError as error:
        raise MonitorError(str(error)) from None
    return Counted("since the agent's start", [one for one in status.ports if one.name in paths(config)])


def line(event: Event) -> str:
    """A frame for people: time, sensor, bytes, meaning."""
    at = datetime.fromtimestamp(event["at"] / 1000, CITY_ZONE).strftime("%H:%M:%S.%f")[:-3]
    shown = event["frame"][: 2 * SHOWN_BYTES]
    shown += "…" if len(event["frame"]) > len(shown) else ""
    asked = f"{event['request']} ? " if event["request"] else ""
    return f"{at}  {event['sensor']}  {asked}{shown}  {meaning(event)}"


def meaning(event: Event) -> str:
    """Values with units, else the fields, else why it was refused."""
    if event["values"]:
        said = ", ".join(f"{one['quantity']} {one['value']:g} {one['unit']}" for one in event["values"])
    elif event["fields"]:
        said = ", ".join(f"{name} {value}" for name, value in event["fields"].items())
    else:
        said = ""
    words = "" if event["verdict"] == "accept" else f"[{event['verdict']}: {event['reason']}]"
    return f"{said} {words}".strip()


def summary(counted: Counted) -> list[str]:
    """The counters: a line for each port, and one for each polled device on it."""
    found = [f"counted {counted.since}:"]
    for port in counted.ports:
        away = f", away: {port.problem}" if port.problem else ""
        found.append(
            f"  {port.name}: {port.frames} good frames, {port.bad} bad, {port.readings} readings, lost {port.lost} times{away}"
        )
        found += [
            f"    {device.sensor}: asked {device.asked}, unanswered {device.unanswered}, bad {device.bad}"
            for device in port.devices
        ]
    return found


def as_json(counted: Counted) -> str:
    """The counters as one line."""
    return msgspec.json.encode({"since": counted.since, "ports": list(counted.ports)}).decode()


def _event(heard: Heard, at_ms: int) -> Event:
    event: Event = msgspec.json.decode(heard.encode(at_ms))
    return event


async def _nowhere(readings: Sequence[Reading]) -> None:
    """Readings are shown, not kept."""
