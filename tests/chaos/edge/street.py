"""The ports of a cabinet in virtual time: simulated devices on lines that can be unplugged, and what they really sent."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from edge.line import Chunk, Hear, PortLostError
from firmware_sim import truth
from firmware_sim.device import Device, Emission

KERNEL_BYTES = 4096  # the tty's buffer: what does not fit is dropped
ANSWER_S = 0.02
FOREVER_S = 10 * 365 * 86_400


class Plug:
    """A device on a line; `sensor_of` tells which sensor a reading of device number n belongs to."""

    def __init__(self, devices: Sequence[tuple[str, Device]]) -> None:
        self.devices = list(devices)
        self.present = True
        self.dead: set[str] = set()
        self.line: VirtualLine | None = None


class VirtualLine:
    """What `edge.line.Line` is to a port."""

    def __init__(self, plug: Plug, clock: Callable[[], int], write: Callable[[Plug, bytes], None]) -> None:
        self._plug, self._clock, self._write = plug, clock, write
        self._chunks: list[Chunk] = []
        self._some = asyncio.Event()

    def feed(self, data: bytes) -> None:
        if sum(len(chunk.data) for chunk in self._chunks) + len(data) <= KERNEL_BYTES:
            self._chunks.append(Chunk(data, self._clock()))
            self._some.set()

    def lose(self) -> None:
        self._some.set()

    async def read(self, within_s: float) -> Chunk | None:
        if not self._chunks:
            self.check_there()
            self._some.clear()
            try:
                async with asyncio.timeout(within_s):
                    await self._some.wait()
            except TimeoutError:
                return None
        if not self._chunks:
            self.check_there()
            return None
        return self._chunks.pop(0)

    async def stream(self, hear: Hear, within_s: float) -> int:
        chunk = await self.read(within_s)
        if chunk is None or hear(chunk):
            return int(chunk is not None)
        self._chunks.insert(0, chunk)
        return 0

    async def idle(self, for_s: float) -> None:
        await asyncio.sleep(max(0.0, for_s))
        self.check_there()

    def write(self, data: bytes) -> None:
        self.check_there()
        self._write(self._plug, data)

    def drop_input(self) -> None:
        self.check_there()
        self._chunks.clear()

    def check_there(self) -> None:
        if not self._plug.present or self._plug.line is not self:
            raise PortLostError("unplugged")


class Street:
    """`start_ms` is what the true clock says when the loop begins; `record` gets what the devices send."""

    def __init__(self, start_ms: int, record: truth.Recorder) -> None:
        self._start_ms, self._record = start_ms, record
        self.plugs: dict[str, Plug] = {}

    def true_ms(self) -> int:
        """The time as it is, whatever any clock says."""
        return self._start_ms + round(asyncio.get_running_loop().time() * 1000)

    @asynccontextmanager
    async def open_line(
        self, path: str, baud: int, clock: Callable[[], int], mode: str = "8N1"
    ) -> AsyncIterator[VirtualLine]:
        """For edge.outside.Outside."""
        plug = self.plugs[path]
        if not plug.present:
            raise PortLostError("No such file or directory")
        plug.line = line = VirtualLine(plug, clock, self._hear)
        try:
            yield line
        finally:
            plug.line = None

    async def run(self, path: str) -> None:
        """The devices of one line speak by themselves, for ever."""
        plug, loop = self.plugs[path], asyncio.get_running_loop()
        while True:
            due_s = min(device.due_s for _, device in plug.devices) - self._start_ms / 1000
            await asyncio.sleep(min(max(0.0, due_s - loop.time()), FOREVER_S))
            now_s = self.true_ms() / 1000
            for sensor, device in plug.devices:
                if device.due_s <= now_s:
                    for emission in device.emit(now_s):
                        self._say(plug, sensor, emission)

    def unplug(self, path: str) -> None:
        """Pull it."""
        plug = self.plugs[path]
        plug.present = False
        if plug.line is not None:
            plug.line.lose()

    def replug(self, path: str) -> None:
        """Put it back."""
        self.plugs[path].present = True

    def note(self, cause: str, start_ms: int, end_ms: int, sensors: Sequence[str] = ()) -> None:
        """Readings of these sensors (none: of every one) may be missed from `start_ms` to `end_ms`, and why."""
        every = [sensor for plug in self.plugs.values() for sensor, _ in plug.devices]
        self._record.write(*(truth.Window(sensor, cause, start_ms, end_ms) for sensor in sensors or every))

    def _hear(self, plug: Plug, data: bytes) -> None:
        loop = asyncio.get_running_loop()
        for sensor, device in plug.devices:
            if sensor not in plug.dead:
                for emission in device.receive(data, self.true_ms() / 1000):
                    loop.call_later(ANSWER_S, self._say, plug, sensor, emission)

    def _say(self, plug: Plug, sensor: str, emission: Emission) -> None:
        if sensor in plug.dead:
            return
        at = self.true_ms()
        self._record.write(
            *(truth.Emitted(sensor, quantity, value, at) for quantity, value in emission.readings)
        )
        if plug.present and plug.line is not None:
            plug.line.feed(emission.data)
