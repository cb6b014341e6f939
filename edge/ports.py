"""One loop per serial port: open, read or poll, report, and open again when it is gone."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

import structlog

from edge.driver import BadFrameError, Driver, Frame, Framer, Verdict
from edge.line import Chunk, Line, PortLostError
from edge.settings import EdgeConfig
from edge.traffic import Traffic
from edge.turns import Turns
from telemetry.messages import PortCounters
from telemetry.reading import Flag, Reading

BACKOFF_FIRST_S = 0.5
BACKOFF_LAST_S = 5.0
QUIET_S = 5.0  # after so long without a byte: is this still the port the path leads to?
BITS_PER_BYTE = 10  # 8N1: start, eight, stop
SILENT_BYTES = 4  # Modbus asks for 3.5 characters of silence between two frames
MIN_SILENT_S = 0.002

log = structlog.get_logger(__name__)
Deliver = Callable[[Sequence[Reading]], Awaitable[None]]


class Device(NamedTuple):
    """A sensor on a port; `period_s` matters when its driver polls. `traffic` counts instead of publishing each event."""

    sensor: str
    driver: Driver
    period_s: float
    traffic: Traffic | None = None


class Port:
    """A port with one streaming device, or with any number of polled ones. `deliver` may wait: that is back-pressure."""

    def __init__(
        self,
        path: str,
        devices: Sequence[Device],
        *,
        baud: int,
        timeout_s: float,
        deliver: Deliver,
        clock: Callable[[], int],
    ) -> None:
        self.name, self._devices = path, devices
        self._baud, self._timeout_s = baud, timeout_s
        self._deliver, self._clock = deliver, clock
        self._backoff = BACKOFF_FIRST_S
        self._up = self._known_away = False
        self._frames = self._bad = self._readings = 0
        self._last_ms: int | None = None
        self._silent_s = max(MIN_SILENT_S, SILENT_BYTES * BITS_PER_BYTE / baud)
        self._log = log.bind(port=path)
        self.open_since_ms: int | None = None

    @property
    def devices(self) -> Sequence[Device]:
        """The sensors on it."""
        return self._devices

    def counters(self) -> list[PortCounters]:
        """What this port has seen since the agent's start: one entry."""
        return [PortCounters(self.name, self._up, self._frames, self._bad, self._readings, self._last_ms)]

    async def run(self) -> None:
        """Keep the port open and read it, for ever."""
        while True:
            try:
                async with Line.open(self.name, self._baud, self._clock) as line:
                    self._log.info("port open", sensors=[device.sensor for device in self._devices])
                    self._up, self._known_away = True, False
                    self.open_since_ms = self._clock()
                    await self._serve(line)
            except PortLostError as error:
                if not self._known_away:
                    self._log.warning("port away, trying again", reason=str(error))
                self._known_away = True
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
        while True:
            chunk = await line.read(QUIET_S)
            if chunk is None:
                line.check_there()
                continue
            for frame in self._feed(framer, chunk):
                await self._take(device, frame, chunk.at_ms)

    async def _poll(self, line: Line) -> None:
        loop = asyncio.get_running_loop()
        turns = Turns([device.period_s for device in self._devices], loop.time())
        while True:
            index, due = turns.next()
            await line.idle(max(due - loop.time(), self._silent_s))
            device = self._devices[index]
            answered = await self._ask(line, device)
            if turns.done(index, loop.time(), answered=answered):
                words = "device answers again" if answered else "device does not answer"
                self._log.warning(words, sensor=device.sensor)
            if not answered:
                line.check_there()

    async def _ask(self, line: Line, device: Device) -> bool:
        """One polling round; False when the device said nothing at all, which costs one timeout."""
        for request in device.driver.requests:
            line.drop_input()
            line.write(request)
            if not await self._hear(line, device, request):
                return False
            await line.idle(self._silent_s)
        return True

    async def _hear(self, line: Line, device: Device, request: bytes) -> bool:
        """Take the answer to `request`; False when not a byte came in time. A garbled answer is one."""
        loop, framer, heard = asyncio.get_running_loop(), device.driver.framer(request), False
        deadline = loop.time() + self._timeout_s
        while (chunk := await line.read(deadline - loop.time())) is not None:
            heard = True
            if frames := self._feed(framer, chunk):
                await self._take(device, frames[0], chunk.at_ms, request)
                break
        return heard

    def _feed(self, framer: Framer, chunk: Chunk) -> list[Frame]:
        bad_before = framer.bad
        frames = framer.feed(chunk.data)
        self._bad += framer.bad - bad_before
        return frames

    async def _take(self, device: Device, frame: Frame, at_ms: int, request: bytes | None = None) -> None:
        try:
            decoded = device.driver.decode(frame.data, request)
        except BadFrameError:
            self._bad += 1
            return
        if decoded.verdict is Verdict.REJECT:
            self._bad += 1
            return
        self._backoff = BACKOFF_FIRST_S
        self._frames += 1
        if decoded.verdict is Verdict.IGNORE:
            return
        doubt = int(Flag.DEVICE) if decoded.verdict is Verdict.FLAG else 0
        observed_at = at_ms - round(frame.after * BITS_PER_BYTE * 1000 / self._baud)
        self._last_ms = observed_at
        measured = device.traffic.take(decoded, observed_at) if device.traffic else decoded.measurements
        self._readings += len(measured)
        await self._deliver(
            [Reading(device.sensor, m.quantity, observed_at, m.value, m.flags | doubt) for m in measured]
        )


def build_ports(config: EdgeConfig, deliver: Deliver, clock: Callable[[], int]) -> list[Port]:
    """A loop for each serial port of the configuration, nothing opened; raises ValueError for a bad driver option."""
    ports = []
    for device in config.serial:
        driver = device.driver()
        ports.append(
            Port(
                device.path,
                [Device(device.sensor, driver, device.period_s, device.traffic())],
                baud=device.baud or driver.baud,
                timeout_s=device.timeout_s,
                deliver=deliver,
                clock=clock,
            )
        )
    for bus in config.modbus:
        units = [Device(unit.sensor, unit.driver(), unit.period_s) for unit in bus.units]
        ports.append(
            Port(bus.path, units, baud=bus.baud, timeout_s=bus.timeout_s, deliver=deliver, clock=clock)
        )
    return ports
