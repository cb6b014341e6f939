"""`halong edge test SENSOR`: follow one reading from the port to the centre's acknowledgement, a line for each step.

The reading and its pack are seen in the journal, the pack on its way at the broker, the acknowledgement in the journal again: the
agent only writes it there when the hub has named the pack.
"""

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import NamedTuple

from edge import holders, statusfile
from edge.export import Journalled, packs_since
from edge.settings import EdgeConfig
from runtime.mqtt import Connection, keep_connected
from telemetry import topics
from telemetry.quantities import QUANTITIES
from telemetry.reading import InstrumentState, Reading
from telemetry.times import city_time

LOOK_S = 0.1
CONNECT_S = 3.0

Tell = Callable[[str, str], None]


class MissingError(Exception):
    """A step did not come; the message says what is known about it."""


class _Seen(NamedTuple):
    """The pack and what it holds of the sensor."""

    pack: Journalled
    readings: list[Reading]


async def follow(
    config: EdgeConfig, sensor: str, *, within_s: float, clock: Callable[[], int], tell: Tell
) -> None:
    """Wait for the sensor's next reading and follow it; raises MissingError at the step that does not come in time."""
    journal = Path(config.journal.path)
    agent = holders.of_journal(journal)
    if agent is None:
        raise MissingError(f"no agent runs on {journal}: start it with `halong edge run`")
    tell("agent", f"runs as process {agent.pid}")
    broker = _Broker(config)
    listening = asyncio.create_task(broker.listen())
    since_ms = clock()
    try:
        with suppress(TimeoutError):  # without a broker there is still a reading to be seen
            async with asyncio.timeout(min(CONNECT_S, within_s / 3)):
                await broker.connected_first.wait()
        since_ms = clock()
        async with asyncio.timeout(within_s):
            seen = await _journalled(journal, sensor, since_ms)
            tell("read", _words(seen.readings))
            tell("journaled", f"pack {seen.pack.journal}/{seen.pack.seq} at {city_time(seen.pack.formed_ms)}")
            name = topics.PackName(config.gateway, seen.pack.journal, seen.pack.seq)
            await _sent(journal, broker, name, seen, tell)
            acknowledged_ms = await _acknowledged(journal, seen)
    except TimeoutError:
        raise MissingError(_why(config, journal, sensor, broker, since_ms, within_s)) from None
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
    took = (acknowledged_ms - seen.readings[0].observed_at) / 1000
    tell("acknowledged", f"the centre has it, {took:.1f} s after it was observed")


class _Broker:
    """Packs of this gateway as they pass the broker."""

    def __init__(self, config: EdgeConfig) -> None:
        self._config, self._root = config, config.broker.root
        self.passed: set[topics.PackName] = set()
        self.connected = False
        self.connected_first = asyncio.Event()

    async def listen(self) -> None:
        """For ever. A broker that lets this user not listen is silent: then only the acknowledgement tells."""
        rng = Random(f"{self._config.gateway}/{id(self)}")
        await keep_connected(
            self._config.broker.address(self._config.broker.url, os.environ),
            f"halong-test-{rng.getrandbits(32):08x}",
            self._hear,
            subscriptions=[f"{self._root}/up/+/{self._config.gateway}/#"],
            rng=rng,
            on_change=self._changed,
        )

    async def _hear(self, connection: Connection) -> None:
        async for message in connection.messages():
            parsed = topics.parse_up(self._root, message.topic)
            if parsed is not None:
                self.passed.add(parsed.name)

    def _changed(self, up: bool) -> None:
        self.connected = up
        if up:
            self.connected_first.set()


async def _journalled(journal: Path, sensor: str, since_ms: int) -> _Seen:
    while True:
        for pack in packs_since(journal, since_ms):
            found = [one for one in pack.readings if one.sensor == sensor and one.observed_at >= since_ms]
            if found:
                return _Seen(pack, found)
        await asyncio.sleep(LOOK_S)


async def _sent(journal: Path, broker: _Broker, name: topics.PackName, seen: _Seen, tell: Tell) -> None:
    """The broker has carried the pack; or it is acknowledged without our having seen it pass."""
    while name not in broker.passed:
        if _now(journal, seen) is not None:
            tell("sent", "not seen at the broker, but it has arrived")
            return
        await asyncio.sleep(LOOK_S)
    tell("sent", "the broker has carried it")


async def _acknowledged(journal: Path, seen: _Seen) -> int:
    while (at_ms := _now(journal, seen)) is None:
        await asyncio.sleep(LOOK_S)
    return at_ms


def _now(journal: Path, seen: _Seen) -> int | None:
    oldest = min(one.observed_at for one in seen.readings)
    for pack in packs_since(journal, oldest):
        if (pack.journal, pack.seq) == (seen.pack.journal, seen.pack.seq):
            return pack.acknowledged_ms
    return None


def _words(readings: list[Reading]) -> str:
    first = readings[0].observed_at
    values = {
        one.quantity: f"{one.quantity} {one.value:g} {QUANTITIES[one.quantity].unit}" for one in readings
    }
    state = InstrumentState.of(readings[0].flags)
    marked = "" if state is InstrumentState.MEASURING else f", {state}"
    return f"{', '.join(values.values())} at {city_time(first)}{marked}"


def _why(
    config: EdgeConfig, journal: Path, sensor: str, broker: _Broker, since_ms: int, within_s: float
) -> str:
    """The step that is missing, and what is known about it."""
    packs = packs_since(journal, since_ms)
    if not any(one.sensor == sensor for pack in packs for one in pack.readings):
        return f"no reading of {sensor} in {within_s:g} s{_port(config, sensor)}"
    if not broker.connected:
        return f"not sent: the broker at {config.broker.url.rpartition('@')[2]} does not answer"
    return f"not acknowledged in {within_s:g} s: is the hub up? It stays in the journal and is sent again"


def _port(config: EdgeConfig, sensor: str) -> str:
    path = next((one.path for one in config.serial if one.sensor == sensor), "") or next(
        (bus.path for bus in config.modbus for unit in bus.units if unit.sensor == sensor), ""
    )
    try:
        status = statusfile.read(statusfile.beside(Path(config.journal.path)))
    except statusfile.StatusError:
        return ""
    for port in status.ports:
        if port.name == path:
            if not port.up:
                return f": its port {path} is away ({port.problem or 'not opened yet'})"
            return f": its port {path} is open, {port.frames} good and {port.bad} bad frames so far"
    return ""
