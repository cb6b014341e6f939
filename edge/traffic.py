"""Vehicles of a radar, counted a period at a time. Pure.

A radar reports a vehicle several times a second while it sees it: reports of one direction closer than GAP_MS are one
vehicle, with the highest of their speeds (a Doppler radar sees the speed times the cosine of the angle, so always too low).
Two vehicles of one direction that follow closer are one here. A device that counts by itself (an event with a count) is
believed, and its other reports are not counted beside.

Of each period [start, end), aligned to the wall clock, dated at its end:
    vehicle_count        those whose last report lies in it; 0 when there was none
    vehicle_speed        the mean of their speeds, km/h; absent when there was none
    vehicle_speed_p85    the speed that 85 % of them do not exceed, between neighbours linearly; absent when there was none
    occupancy            the share of the period in which a vehicle was seen, %; absent for a device that counts by itself
With `raw` each vehicle's own speed at its last report takes the place of the mean.

>>> traffic = Traffic(period_ms=60_000)
>>> _ = traffic.due(120_000, 0)
>>> for at, kmh in ((130_000, 48.0), (130_200, 50.0), (130_400, 49.0), (150_000, 40.0)):
...     traffic.report(at, kmh, "inbound")
>>> [(dated.quantity, round(dated.value, 2)) for dated in traffic.due(182_000, 0)]
[('vehicle_count', 2.0), ('vehicle_speed', 45.0), ('vehicle_speed_p85', 48.5), ('occupancy', 0.67)]
"""

import math
from collections.abc import Sequence

from edge.driver import Decoded, Measurement
from edge.payloads import Dated

GAP_MS = 1_500
LONGEST_MS = 10_000  # a queue that never leaves a gap is cut
LATE_MS = 500  # so long a report may take from its instant to here
MAX_VEHICLES = 10_000
CATCH_UP = 10  # periods: a clock that jumps further than this starts anew
PERCENTILE = 0.85
QUANTITIES = ("vehicle_count", "vehicle_speed", "vehicle_speed_p85", "occupancy")


class Vehicle:
    """One vehicle, or `count` that a device has counted itself with their mean speed (None: not told)."""

    __slots__ = ("count", "first_ms", "last_ms", "speed", "told")

    def __init__(self, at_ms: int, speed: float | None, count: float = 1.0) -> None:
        self.first_ms = self.last_ms = at_ms
        self.speed, self.count, self.told = speed, count, False

    def joins(self, at_ms: int) -> bool:
        """Does a report at `at_ms` belong to this one?"""
        return abs(at_ms - self.last_ms) < GAP_MS and abs(at_ms - self.first_ms) < LONGEST_MS

    def seen(self, at_ms: int, speed: float) -> None:
        """One more report."""
        self.first_ms, self.last_ms = min(self.first_ms, at_ms), max(self.last_ms, at_ms)
        self.speed = max(self.speed or 0.0, speed)


class Traffic:
    """The vehicles of one sensor."""

    def __init__(self, period_ms: int, *, raw: bool = False) -> None:
        self._period_ms, self._raw = period_ms, raw
        self._start_ms: int | None = None
        # From here on it counts: what was before a jump of the clock is in no period.
        self._anew_ms = -(2**63)
        self._vehicles: list[Vehicle] = []
        self._latest: dict[str, Vehicle] = {}
        self._device_counts = False

    def take(self, decoded: Decoded, at_ms: int) -> tuple[Measurement, ...]:
        """Count what a radar says; what is left to publish of it: nothing."""
        fields, speed, count = decoded.fields or {}, None, None
        for measurement in decoded.measurements:
            if measurement.quantity == "vehicle_speed":
                speed = measurement.value
            elif measurement.quantity == "vehicle_count":
                count = measurement.value
        if count is not None:
            self.counted(at_ms, count, speed)
        elif targets := fields.get("targets"):
            for target in targets:
                self.report(at_ms, float(target["speed_kmh"]), str(target["direction"]))
        elif speed is not None:
            self.report(at_ms, speed, str(fields.get("direction", "")))
        return ()

    def report(self, at_ms: int, speed_kmh: float, direction: str = "") -> None:
        """A vehicle is seen."""
        if self._device_counts:
            return
        latest = self._latest.get(direction)
        if latest is not None and latest.joins(at_ms):
            latest.seen(at_ms, speed_kmh)
            return
        self._latest[direction] = Vehicle(at_ms, speed_kmh)
        self._add(self._latest[direction])

    def counted(self, at_ms: int, count: float, speed_kmh: float | None) -> None:
        """The device has counted `count` vehicles of this mean speed by itself."""
        if not self._device_counts:
            self._device_counts, self._vehicles, self._latest = True, [], {}
        if count > 0:
            self._add(Vehicle(at_ms, speed_kmh, count))

    def due(self, now_ms: int, watched_since_ms: int | None) -> list[Dated]:
        """What can be said by now. A period that was not watched from its start on is not counted (None: not watched now)."""
        start, period = self._start_ms, self._period_ms
        if start is None or not -period <= now_ms - start <= CATCH_UP * period:
            start = now_ms // period * period
            self._anew_ms = self._anew_ms if self._start_ms is None else now_ms
        found = self._told(now_ms) if self._raw else []
        while now_ms >= start + period + GAP_MS + LATE_MS:
            if watched_since_ms is not None and max(watched_since_ms, self._anew_ms) <= start:
                found += self._period(start)
            start += period
        self._start_ms = start
        self._vehicles = [one for one in self._vehicles if one.last_ms >= start]
        self._latest = {way: one for way, one in self._latest.items() if one.last_ms >= start}
        return found

    def _period(self, start: int) -> list[Dated]:
        end = start + self._period_ms
        inside = [one for one in self._vehicles if start <= one.last_ms < end]
        values = {"vehicle_count": math.fsum(one.count for one in inside)}
        with_speed = [(one.speed, one.count) for one in inside if one.speed is not None]
        if with_speed and not self._raw:
            total = math.fsum(speed * count for speed, count in with_speed)
            values["vehicle_speed"] = total / math.fsum(count for _, count in with_speed)
        if with_speed and all(count == 1 for _, count in with_speed):
            values["vehicle_speed_p85"] = percentile([speed for speed, _ in with_speed], PERCENTILE)
        if not self._device_counts:
            spans = [
                (max(one.first_ms, start), min(one.last_ms, end))
                for one in self._vehicles
                if one.first_ms < end
            ]
            values["occupancy"] = 100 * _covered(spans) / self._period_ms
        return [Dated(quantity, round(value, 6), end) for quantity, value in values.items()]

    def _told(self, now_ms: int) -> list[Dated]:
        """The vehicles that are gone, each once."""
        gone = [
            one
            for one in self._vehicles
            if not one.told and one.speed is not None and abs(now_ms - one.last_ms) >= GAP_MS + LATE_MS
        ]
        for one in gone:
            one.told = True
        return [Dated("vehicle_speed", one.speed, one.last_ms) for one in gone if one.speed is not None]

    def _add(self, vehicle: Vehicle) -> None:
        self._vehicles.append(vehicle)
        if len(self._vehicles) > MAX_VEHICLES:
            del self._vehicles[0]


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` of `values` (not empty) do not exceed, linear between neighbours (Hyndman and Fan, type 7)."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])


def _covered(spans: Sequence[tuple[int, int]]) -> int:
    """How much of the axis the spans cover together."""
    covered, reach = 0, -math.inf
    for first, last in sorted(spans):
        covered += max(0, last - int(max(first, reach)))
        reach = max(reach, last)
    return covered
