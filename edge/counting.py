"""The loop that says what a radar's periods have counted: a port hands its vehicles to `edge.traffic`, this one publishes."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from edge.ports import Port
from edge.traffic import Traffic
from telemetry.messages import PortCounters
from telemetry.reading import Reading

LOOK_EVERY_S = 0.5

Deliver = Callable[[Sequence[Reading]], Awaitable[None]]


class Counting:
    """The counts of one sensor on one port."""

    def __init__(
        self, sensor: str, port: Port, traffic: Traffic, *, deliver: Deliver, clock: Callable[[], int]
    ) -> None:
        self.name = f"{port.name} counts"
        self._sensor, self._port, self._traffic = sensor, port, traffic
        self._deliver, self._clock = deliver, clock
        self._readings = 0
        self._last_ms: int | None = None

    def counters(self) -> list[PortCounters]:
        """One entry; its frames are the port's."""
        up = self._port.open_since_ms is not None
        return [PortCounters(self.name, up, 0, 0, self._readings, self._last_ms)]

    async def run(self) -> None:
        """Publish for ever. While the port is away nothing is counted, so nothing is said, not even 0."""
        while True:
            due = self._traffic.due(self._clock(), self._port.open_since_ms)
            readings = [
                Reading(self._sensor, quantity, time_ms, value)
                for quantity, value, time_ms, _ in due
                if time_ms is not None
            ]
            if readings:
                self._readings += len(readings)
                self._last_ms = readings[-1].observed_at
                await self._deliver(readings)
            await asyncio.sleep(LOOK_EVERY_S)


def build_counting(ports: Sequence[Port], deliver: Deliver, clock: Callable[[], int]) -> list[Counting]:
    """A loop for each sensor that is counted, on the port that reads it; nothing opened."""
    return [
        Counting(device.sensor, port, device.traffic, deliver=deliver, clock=clock)
        for port in ports
        for device in port.devices
        if device.traffic is not None
    ]
