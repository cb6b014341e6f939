"""What comes in on a serial port: bytes to frames, frames to readings, and how many of each. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from edge.driver import BadFrameError, Decoded, Driver, Frame, Framer, Verdict
from edge.traffic import Traffic
from telemetry.messages import DeviceCounters, PortCounters
from telemetry.reading import Flag, Reading

AHEAD_MS = 100  # no frame is dated later than so long after it was read

OnBad = Callable[[str, int], None]


class Device(NamedTuple):
    """A sensor on a port; `period_s` matters when its driver polls. `traffic` counts instead of publishing each event;
    `hear` gets the fields of every good frame."""

    sensor: str
    driver: Driver
    period_s: float
    traffic: Traffic | None = None
    hear: Callable[[Mapping[str, Any]], None] | None = None


@dataclass(slots=True)
class _Polled:
    """How a polled device has done so far, in rounds; `bad` in frames."""

    asked: int = 0
    unanswered: int = 0
    in_a_row: int = 0
    bad: int = 0


class PortAccount:
    """Of one port, since the agent's start. `byte_s` is how long a byte takes on the line; `on_bad` hears (sensor, frames)."""

    def __init__(self, devices: Sequence[Device], byte_s: float, on_bad: OnBad) -> None:
        self._byte_s, self._on_bad = byte_s, on_bad
        self._frames = self._bad = self._readings = 0
        self._last_ms: int | None = None
        self._polled = {device.sensor: _Polled() for device in devices if device.driver.requests}

    def counters(self, name: str, *, up: bool, lost: int, problem: str) -> PortCounters:
        """All of it, with what the port says of itself."""
        devices = tuple(
            DeviceCounters(sensor, one.asked, one.unanswered, one.in_a_row, one.bad)
            for sensor, one in self._polled.items()
        )
        return PortCounters(
            name, up, self._frames, self._bad, self._readings, self._last_ms, lost, problem, devices
        )

    def round(self, device: Device, *, answered: bool) -> None:
        """A polled device was asked."""
        polled = self._polled[device.sensor]
        polled.asked += 1
        polled.unanswered += not answered
        polled.in_a_row = 0 if answered else polled.in_a_row + 1

    def feed(self, device: Device, framer: Framer, data: bytes) -> list[Frame]:
        """The frames that are whole now; what the framer dropped is counted."""
        bad_before = framer.bad
        frames = framer.feed(data)
        self._drop(device, framer.bad - bad_before)
        return frames

    def understand(
        self, device: Device, frame: Frame, at_ms: int, request: bytes | None = None
    ) -> tuple[Decoded | None, Sequence[Reading]]:
        """What a frame whose chunk came at `at_ms` means, None when it is bad; and what is to be published of it."""
        try:
            decoded = device.driver.decode(frame.data, request)
        except BadFrameError:
            self._drop(device, 1)
            return None, ()
        if decoded.verdict is Verdict.REJECT:
            self._drop(device, 1)
            return None, ()
        self._frames += 1
        if device.hear is not None and decoded.fields:
            device.hear(decoded.fields)
        if decoded.verdict is Verdict.IGNORE or not decoded.measurements:
            return decoded, ()
        doubt = int(Flag.DEVICE) if decoded.verdict is Verdict.FLAG else 0
        observed_at = self._last_ms = self._dated(frame, at_ms)
        measured = device.traffic.take(decoded, observed_at) if device.traffic else decoded.measurements
        self._readings += len(measured)
        return decoded, [
            Reading(device.sensor, m.quantity, observed_at, m.value, m.flags | doubt) for m in measured
        ]

    def _dated(self, frame: Frame, at_ms: int) -> int:
        """When its last byte came: so long before the chunk was read as the bytes behind it take, but after the frame before it.

        A process that was late finds in one chunk what came in many, and in the next one the rest, read in the same millisecond.
        """
        came_ms = at_ms - round(frame.after * self._byte_s * 1000)
        last_ms = self._last_ms
        if last_ms is None or not came_ms <= last_ms <= at_ms + AHEAD_MS:  # the clock may have been set back
            return came_ms
        return last_ms + 1

    def _drop(self, device: Device, frames: int) -> None:
        if frames:
            self._bad += frames
            if device.sensor in self._polled:
                self._polled[device.sensor].bad += frames
            self._on_bad(device.sensor, frames)
