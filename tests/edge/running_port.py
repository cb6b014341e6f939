"""The loop of a port that runs in a block, and small devices for it that speak lines."""

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from edge.driver import BadFrameError, Decoded, Measurement, Step, Verdict
from edge.framing import LineFramer
from edge.portaccount import Device
from edge.ports import Port
from telemetry.reading import Reading

if TYPE_CHECKING:
    from conftest import PtyPort

NOW = 1_700_000_000_000
TIMEOUT_S = 0.3


class Speaker:
    """A device whose frames are lines: `12.5`, with `?` flagged, `-` ignored, `!` refused, anything else bad."""

    protocol, baud, quantities = "speaker", 9600, ("pm25",)
    requests: tuple[bytes, ...] = ()

    def framer(self, request: bytes | None = None) -> LineFramer:
        return LineFramer()

    def decode(self, frame: bytes, request: bytes | None = None) -> Decoded:
        text = frame.decode("ascii", "replace").strip()
        verdicts = {"?": Verdict.FLAG, "-": Verdict.IGNORE, "!": Verdict.REJECT}
        verdict = verdicts.get(text[:1], Verdict.ACCEPT)
        try:
            value = float(text.lstrip("?-!"))
        except ValueError as error:
            raise BadFrameError(text) from error
        return Decoded(verdict, None, (Measurement("pm25", value),))


class Answerer(Speaker):
    """The same, asked by its number: `3?` gives `3:12.5`; an answer of another number is no frame of it."""

    def __init__(self, number: int) -> None:
        self.requests = (f"{number}?\n".encode(),)
        self._prefix = f"{number}:".encode()

    def decode(self, frame: bytes, request: bytes | None = None) -> Decoded:
        assert request in self.requests
        if not frame.startswith(self._prefix):
            raise BadFrameError("another's answer")
        return super().decode(frame[len(self._prefix) :])


class Thinker(Answerer):
    """Has to be switched on, then says `1:N` to `1?`: its value is ready N seconds later, or when it says `done`."""

    setup = (Step(b"on\n"), Step(b"really\n", 0.01))

    def follow(self, request: bytes, decoded: Decoded) -> tuple[Step, ...]:
        if request != self.requests[0]:
            return ()
        return (Step(b"value\n", decoded.measurements[0].value, b"done"),)

    def decode(self, frame: bytes, request: bytes | None = None) -> Decoded:
        if request != self.requests[0]:
            return Speaker.decode(self, frame)
        return super().decode(frame, request)._replace(verdict=Verdict.IGNORE)


def line_by_line(answer: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    """What is said in one breath is answered one by one."""
    return lambda said: b"".join(answer(line) for line in said.splitlines(keepends=True))


class Journal:
    """Takes readings, when it is open."""

    def __init__(self) -> None:
        self.readings: list[Reading] = []
        self.open = asyncio.Event()
        self.open.set()

    async def put(self, readings: Sequence[Reading]) -> None:
        await self.open.wait()
        self.readings.extend(readings)

    def values(self, sensor: str = "s") -> list[float]:
        return [reading.value for reading in self.readings if reading.sensor == sensor]


class Room:
    """Takes readings without waiting, while it has room."""

    def __init__(self, room: bool = True) -> None:
        self.room, self.at_once = room, 0
        self.journal: Journal

    def has_room(self) -> bool:
        return self.room

    def put_now(self, readings: Sequence[Reading]) -> None:
        assert self.room
        self.at_once += len(readings)
        self.journal.readings.extend(readings)


class Running:
    """A port's loop that runs inside the context."""

    def __init__(self, pty_port: "PtyPort", devices: Sequence[Device], room: "Room | None" = None) -> None:
        self.journal = Journal()
        if room is not None:
            room.journal = self.journal
        self.port = Port(
            str(pty_port.link),
            devices,
            baud=9600,
            timeout_s=TIMEOUT_S,
            deliver=self.journal.put,
            clock=lambda: NOW,
            now=room,
        )

    async def __aenter__(self) -> "Running":
        self._task = asyncio.create_task(self.port.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])
        assert self._task.cancelled()

    @property
    def counters(self) -> tuple[int, int, int]:
        (counters,) = self.port.counters()
        return counters.frames, counters.bad, counters.readings

    @property
    def up(self) -> bool:
        return self.port.counters()[0].up


def streaming(pty_port: "PtyPort") -> Running:
    return Running(pty_port, [Device("s", Speaker(), 1.0)])


def polled(pty_port: "PtyPort", period_s: float, *numbers: int) -> Running:
    return Running(pty_port, [Device(f"s-{number}", Answerer(number), period_s) for number in numbers])
