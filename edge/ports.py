"""One loop per serial port: open, read or poll, report, and open again when it is gone."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

import structlog

from edge.driver import Decoded, Frame, Step, extras
from edge.line import Chunk, Line, OpenLine, PortLostError
from edge.portaccount import Device, OnBad, PortAccount
from edge.settings import EdgeConfig
from edge.tap import Tap, tapped
from edge.turns import Turns
from telemetry.messages import PortCounters
from telemetry.reading import Reading

BACKOFF_FIRST_S = 0.5
BACKOFF_LAST_S = 5.0
QUIET_S = 5.0  # after so long without a byte: is it still there, and does it have to be set up again?
SILENT_BYTES = 4  # Modbus asks for 3.5 characters of silence between two frames
MIN_SILENT_S = 0.002
MAX_STEPS = 32  # so many questions a round at most, whatever a driver follows up with

log = structlog.get_logger(__name__)
Deliver = Callable[[Sequence[Reading]], Awaitable[None]]


class DeliverNow(Protocol):
    """Where readings go without waiting, as long as there is room."""

    def has_room(self) -> bool:
        """May `put_now` be called?"""

    def put_now(self, readings: Sequence[Reading]) -> None:
        """Hand over."""


class Port:
    """A port with one streaming device, or with any number of polled ones. `deliver` may wait: that is back-pressure. `now`
    takes what streams in without waiting, while it has room.

    `on_bad` hears (sensor, frames) of what is dropped.
    """

    def __init__(
        self,
        path: str,
        devices: Sequence[Device],
        *,
        baud: int,
        timeout_s: float,
        deliver: Deliver,
        clock: Callable[[], int],
        mode: str = "8N1",
        on_bad: OnBad = lambda sensor, frames: None,
        open_line: OpenLine = Line.open,
        now: DeliverNow | None = None,
    ) -> None:
        self._now = now
        self.name, self._devices, self._open_line = path, devices, open_line
        self._baud, self._timeout_s, self._mode = baud, timeout_s, mode
        byte_s = (1 + int(mode[0]) + (mode[1] != "N") + int(mode[2])) / baud
        self._account = PortAccount(devices, byte_s, on_bad)
        self._deliver, self._clock = deliver, clock
        self._backoff = BACKOFF_FIRST_S
        self._up = self._known_away = False
        self._lost, self._problem = 0, ""
        self._silent_s = max(MIN_SILENT_S, SILENT_BYTES * byte_s)
        self._log = log.bind(port=path)
        self.open_since_ms: int | None = None

    @property
    def devices(self) -> Sequence[Device]:
        """The sensors on it."""
        return self._devices

    def counters(self) -> list[PortCounters]:
        """What this port has seen since the agent's start: one entry."""
        return [self._account.counters(self.name, up=self._up, lost=self._lost, problem=self._problem)]

    async def run(self) -> None:
        """Keep the port open and read it, for ever."""
        while True:
            try:
                async with self._open_line(self.name, self._baud, self._clock, self._mode) as line:
                    self._log.info("port open", sensors=[device.sensor for device in self._devices])
                    self._up, self._known_away, self._problem = True, False, ""
                    self.open_since_ms = self._clock()
                    await self._serve(line)
            except PortLostError as error:
                if not self._known_away:
                    self._log.warning("port away, trying again", reason=str(error))
                self._known_away, self._problem = True, str(error)
                self._lost += self._up
            finally:
                self._up = False
                self.open_since_ms = None
            await asyncio.sleep(self._backoff)
            self._backoff = min(BACKOFF_LAST_S, self._backoff * 2)

    async def _serve(self, line: Line) -> None:
        if any(device.driver.requests for device in self._devices):
            await self._poll(line)
        else:
            await self._stream(line, self._devices[0])

    async def _stream(self, line: Line, device: Device) -> None:
        framer = device.driver.framer()

        def hear(chunk: Chunk) -> bool:
            if self._now is None or not self._now.has_room():
                return False
            for frame in self._account.feed(device, framer, chunk.data):
                self._now.put_now(self._understand(device, frame, chunk.at_ms)[1])
            return True

        await self._prepare(line, device)
        while True:
            heard = await line.stream(hear, QUIET_S)
            chunk = None if heard else await line.read(0)
            if chunk is not None:
                for frame in self._account.feed(device, framer, chunk.data):
                    await self._take(device, frame, chunk.at_ms)
            line.check_there()
            if chunk is None and not heard:
                await self._prepare(line, device)

    async def _poll(self, line: Line) -> None:
        loop = asyncio.get_running_loop()
        turns = Turns([device.period_s for device in self._devices], loop.time())
        unprepared = set(range(len(self._devices)))
        while True:
            index, due = turns.next()
            await line.idle(max(due - loop.time(), self._silent_s))
            device = self._devices[index]
            if index in unprepared:
                await self._prepare(line, device)
            answered = await self._ask(line, device)
            self._account.round(device, answered=answered)
            (unprepared.discard if answered else unprepared.add)(index)
            if turns.done(index, loop.time(), answered=answered):
                words = "device answers again" if answered else "device does not answer"
                self._log.warning(words, sensor=device.sensor)
            line.check_there()

    async def _prepare(self, line: Line, device: Device) -> None:
        """Say what sets the device up; its answers are not waited for."""
        for step in extras(device.driver).setup:
            await self._say(line, step)

    async def _ask(self, line: Line, device: Device) -> bool:
        """One polling round; False when the device left a question without a byte, which costs one timeout."""
        follow, asked = extras(device.driver).follow, 0
        for request in device.driver.requests:
            steps = [Step(request)]
            while steps and asked < MAX_STEPS:
                step = steps.pop(0)
                await self._say(line, step)
                asked += 1
                heard, decoded = await self._hear(line, device, step.data)
                if not heard:
                    return False
                if decoded is not None:
                    steps = [*follow(step.data, decoded), *steps]
                await line.idle(self._silent_s)
        return True

    async def _say(self, line: Line, step: Step) -> None:
        """Wait as the step says, then send it."""
        loop, seen = asyncio.get_running_loop(), b""
        until = loop.time() + step.after_s
        while step.early and (chunk := await line.read(until - loop.time())) is not None:
            seen = (seen + chunk.data)[-256:]
            if step.early in seen:
                break
        else:
            await line.idle(until - loop.time())
        line.drop_input()
        if step.data:
            line.write(step.data)

    async def _hear(self, line: Line, device: Device, request: bytes) -> tuple[bool, Decoded | None]:
        """Take the answer to `request`: whether a byte came in time, and what was understood of a whole answer."""
        loop, framer, heard = asyncio.get_running_loop(), device.driver.framer(request), False
        deadline = loop.time() + self._timeout_s
        while (chunk := await line.read(deadline - loop.time())) is not None:
            heard = True
            if frames := self._account.feed(device, framer, chunk.data):
                return True, await self._take(device, frames[0], chunk.at_ms, request)
        return heard, None

    async def _take(
        self, device: Device, frame: Frame, at_ms: int, request: bytes | None = None
    ) -> Decoded | None:
        decoded, readings = self._understand(device, frame, at_ms, request)
        if readings:
            await self._deliver(readings)
        return decoded

    def _understand(
        self, device: Device, frame: Frame, at_ms: int, request: bytes | None = None
    ) -> tuple[Decoded | None, Sequence[Reading]]:
        decoded, readings = self._account.understand(device, frame, at_ms, request)
        if decoded is not None:
            self._backoff = BACKOFF_FIRST_S
        return decoded, readings


def build_ports(
    config: EdgeConfig,
    deliver: Deliver,
    clock: Callable[[], int],
    on_bad: OnBad = lambda sensor, frames: None,
    on_gnss: Callable[[Mapping[str, Any]], None] | None = None,
    open_line: OpenLine = Line.open,
    tap: Tap | None = None,
    now: DeliverNow | None = None,
) -> list[Port]:
    """A loop for each serial port of the configuration, nothing opened; raises ValueError for a bad driver option.

    `on_gnss` hears the sentences of the receiver that `clock.gnss` names, `tap` every frame."""
    ports = []
    for device in config.serial:
        driver = tapped(device.driver(), device.sensor, tap)
        more = extras(driver)
        ports.append(
            Port(
                device.path,
                [
                    Device(
                        device.sensor,
                        driver,
                        device.period_s,
                        device.traffic(),
                        on_gnss if device.sensor == config.clock.gnss else None,
                    )
                ],
                baud=device.baud or driver.baud,
                timeout_s=device.timeout_s or more.timeout_s,
                deliver=deliver,
                clock=clock,
                mode=device.line or more.line,
                on_bad=on_bad,
                open_line=open_line,
                now=now,
            )
        )
    for bus in config.modbus:
        units = [
            Device(unit.sensor, tapped(unit.driver(), unit.sensor, tap), unit.period_s) for unit in bus.units
        ]
        ports.append(
            Port(
                bus.path,
                units,
                baud=bus.baud,
                timeout_s=bus.timeout_s,
                deliver=deliver,
                clock=clock,
                mode=bus.line,
                on_bad=on_bad,
                open_line=open_line,
            )
        )
    return ports
