"""The logbook of a gateway: what people at its cabinet have said of the instruments. Pure.

An instrument measures unless a period says otherwise; periods end by themselves, [from, until), or stay open (until None).
Of periods that overlap the one written last counts. A swap keeps the sensor's id and dates the device that hangs there now.
"""

from collections.abc import Iterable, Sequence

import msgspec

from telemetry.inventory import Sensor
from telemetry.reading import Flag, InstrumentState, Reading

MAX_ENTRIES = 1000  # of each kind; the oldest go first
_FLAGS = {
    InstrumentState.MEASURING: 0,
    InstrumentState.CALIBRATING: int(Flag.CALIBRATING),
    InstrumentState.FAULT: int(Flag.FAULT),
}


class Period(msgspec.Struct, frozen=True):
    """The state of one sensor's instrument from `from_ms` on, before `until_ms` (None: until somebody says otherwise)."""

    sensor: str
    state: InstrumentState
    from_ms: int
    until_ms: int | None = None

    def holds(self, at_ms: int) -> bool:
        """Is `at_ms` inside?"""
        return self.from_ms <= at_ms and (self.until_ms is None or at_ms < self.until_ms)


class Swap(msgspec.Struct, frozen=True):
    """Another device hangs at the sensor's place since `at_ms`."""

    sensor: str
    at_ms: int
    serial: str = ""
    note: str = ""


class Logbook(msgspec.Struct, frozen=True):
    """Everything that was said, in the order it was said."""

    periods: tuple[Period, ...] = ()
    swaps: tuple[Swap, ...] = ()

    def said(self, period: Period) -> "Logbook":
        """With one more period. What was open or reaches into it ends where it begins."""
        before = tuple(
            msgspec.structs.replace(old, until_ms=period.from_ms)
            if old.sensor == period.sensor and old.holds(period.from_ms)
            else old
            for old in self.periods
        )
        new = () if period.state is InstrumentState.MEASURING else (period,)
        return msgspec.structs.replace(self, periods=(*before, *new)[-MAX_ENTRIES:])

    def swapped(self, swap: Swap) -> "Logbook":
        """With one more swap."""
        return msgspec.structs.replace(self, swaps=(*self.swaps, swap)[-MAX_ENTRIES:])

    def period(self, sensor: str, at_ms: int) -> Period | None:
        """What holds for a sensor then; None: it measures."""
        held = (one for one in reversed(self.periods) if one.sensor == sensor and one.holds(at_ms))
        return next(held, None)

    def marked(self, readings: Sequence[Reading]) -> list[Reading]:
        """The readings with the state of their instrument at the time they were observed."""
        concerned = {period.sensor for period in self.periods}
        return [self._marked(one) if one.sensor in concerned else one for one in readings]

    def _marked(self, reading: Reading) -> Reading:
        period = self.period(reading.sensor, reading.observed_at)
        if period is None:
            return reading
        return msgspec.structs.replace(reading, flags=reading.flags | _FLAGS[period.state])

    def dated(self, sensors: Iterable[Sensor]) -> tuple[Sensor, ...]:
        """The sensors with the serial number and the date of the device that hangs there now."""
        latest = {swap.sensor: swap for swap in sorted(self.swaps, key=lambda swap: swap.at_ms)}
        return tuple(
            msgspec.structs.replace(sensor, serial=swap.serial, installed_ms=swap.at_ms)
            if (swap := latest.get(sensor.id)) is not None
            else sensor
            for sensor in sensors
        )
