"""What an agent accounts for, per sensor and hour: what was due, read, bad, accepted, twice, late. Pure.

Counted in memory, taken with every commit and added up in the journal (`edge.tallies`), so that a kill takes no more from
the account than from the readings.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from telemetry.inventory import Sensor
from telemetry.reading import Reading
from telemetry.times import HOUR_MS

LATE_MS = 60_000
MAX_GAP_MS = 7 * 24 * HOUR_MS  # so far back a life claims the time in which no agent ran


@dataclass(slots=True)
class Count:
    """What came to one sensor's hour since the last `take`. All but `bad` (frames) and `periods` in readings."""

    sensor: str
    hour_ms: int
    quantities: int = 0
    periods: int | None = None  # None: event-driven
    until_ms: int = 0  # up to here its periods are counted
    observations: int = 0
    read: int = 0
    bad: int = 0
    accepted: int = 0
    duplicate: int = 0
    late: int = 0


@dataclass(slots=True)
class Total:
    """A sensor since the agent's start."""

    quantities: int = 0
    periods: int | None = None
    observations: int = 0
    read: int = 0
    bad: int = 0
    late: int = 0
    duplicate: int = 0
    last_ms: int | None = None

    def add(self, count: Count) -> None:
        """Add what came to one of its hours."""
        self.quantities = max(self.quantities, count.quantities)
        if count.periods is not None:
            self.periods = (self.periods or 0) + count.periods
        self.observations += count.observations
        self.read += count.read
        self.bad += count.bad
        self.late += count.late
        self.duplicate += count.duplicate


class Account:
    """The sensors of one agent. Times are wall clock in ms."""

    def __init__(self, sensors: Iterable[Sensor]) -> None:
        self._counts: dict[tuple[str, int], Count] = {}
        self._totals: dict[str, Total] = {}
        self._until: dict[str, int] = {}
        self.follow(sensors)

    def follow(self, sensors: Iterable[Sensor]) -> None:
        """These are the sensors from now on."""
        self._sensors = {sensor.id: sensor for sensor in sensors}

    def resume(self, until: Mapping[str, int], now_ms: int) -> None:
        """Up to where earlier lives have counted each sensor's periods; a sensor that is not there begins now."""
        self._until = {
            sensor: max(at, now_ms - MAX_GAP_MS) if at <= now_ms else now_ms for sensor, at in until.items()
        }

    def beginning(self, at_ms: int) -> dict[str, int]:
        """For `resume`: every sensor begins at `at_ms`."""
        return dict.fromkeys(self._sensors, at_ms)

    def watch(self, now_ms: int) -> None:
        """Count the periods that have passed, hour by hour. A clock that went back far begins anew."""
        for sensor in self._sensors.values():
            since = self._until.get(sensor.id, now_ms)
            if since - now_ms > HOUR_MS:
                since = now_ms
            while since < now_ms:
                until = min(now_ms, since - since % HOUR_MS + HOUR_MS)
                self._watched(sensor, since, until)
                since = until
            self._until[sensor.id] = since

    def read(self, readings: Sequence[Reading]) -> None:
        """What sensors have said, in the order it came; readings of one instant stand together."""
        before = None
        for reading in readings:
            count = self._count(reading.sensor, reading.observed_at)
            count.read += 1
            total = self._total(reading.sensor)
            total.last_ms = max(total.last_ms or 0, reading.observed_at)
            instant = reading.sensor, reading.observed_at
            count.observations += instant != before
            before = instant

    def duplicate(self, reading: Reading) -> None:
        """A reading that was accepted before."""
        self._count(reading.sensor, reading.observed_at).duplicate += 1

    def accepted(self, readings: Iterable[Reading], now_ms: int) -> None:
        """What goes into the journal."""
        for reading in readings:
            count = self._count(reading.sensor, reading.observed_at)
            count.accepted += 1
            count.late += now_ms - reading.observed_at > LATE_MS

    def bad(self, sensor: str, now_ms: int, frames: int = 1) -> None:
        """Frames of a sensor that were dropped."""
        self._count(sensor, now_ms).bad += frames

    def take(self) -> list[Count]:
        """What was counted since the last take."""
        taken, self._counts = list(self._counts.values()), {}
        for count in taken:
            self._total(count.sensor).add(count)
        return taken

    def total(self, sensor: str) -> Total:
        """What was taken of a sensor so far, and when it spoke last."""
        return self._total(sensor)

    def _total(self, sensor: str) -> Total:
        return self._totals.setdefault(sensor, Total())

    def _watched(self, sensor: Sensor, since: int, until: int) -> None:
        count = self._count(sensor.id, since)
        count.until_ms = until
        if sensor.period_s > 0:
            period_ms = max(1, round(sensor.period_s * 1000))  # on one grid, so that parts of an hour add up
            count.periods = (count.periods or 0) + until // period_ms - since // period_ms

    def _count(self, sensor: str, at_ms: int) -> Count:
        key = sensor, at_ms - at_ms % HOUR_MS
        count = self._counts.get(key)
        if count is None:
            known = self._sensors.get(sensor)
            quantities = len(known.quantities) if known is not None else 0
            self._counts[key] = count = Count(*key, quantities)
        return count
