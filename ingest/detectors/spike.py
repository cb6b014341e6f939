"""Spike: a value far from what the last minutes make likely.

The level is an exponential mean. The scale comes from the ring of recent residuals: the larger of
median-based and 95 %-based spread, so that skewed series (gusts, passing vehicles) set their own measure, and never below
the quantity's noise floor. A fault teaches little: of an outlier only a part is learned. A level that
stays is accepted after a while, and the old one stays usual for as long again. Several in a row that lie at the level in
another unit are told as that (`ingest.detectors.units`).
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ingest import words
from ingest.detectors import phrases, units
from ingest.detectors.finding import Finding, Rule
from ingest.detectors.glance import COUNTER, DIRECTION, HIGH, LOW, Glance
from ingest.detectors.lanes import F64, I64, Block, Bools, Lanes
from telemetry.anomaly import AnomalyKind
from telemetry.quantities import QUANTITIES, Kind
from telemetry.reading import Flag
from telemetry.times import HOUR_MS

WARM_UP = 30  # readings before anything is said
RING = 240  # residuals that make the scale
LEVEL_READINGS = 20.0  # the level's memory
THRESHOLD = 6.0  # scales
CUT = 2.0  # scales: so much of an outlier is learned ...
OUTLIER_RATE = 0.2  # ... and the level follows it at this share of its rate
ACCEPT_READINGS = 120  # so many outliers in a row are a new level ...
ACCEPT_SLOW = 30, HOUR_MS  # ... or so many over so many ms
GAP_MS = 600_000  # a longer silence than this and GAP_TIMES the usual interval: the level is learned anew
GAP_TIMES = 20.0
MAD_TO_SIGMA = 1.4826
MINUTE_MS = 60_000.0

# Smallest spread worth speaking of: in the quantity's unit (counters: per minute), and as a share of the level.
FLOORS: dict[str, tuple[float, float]] = {
    "pm1": (2.0, 0.1),
    "pm25": (3.0, 0.1),
    "pm4": (4.0, 0.1),
    "pm10": (5.0, 0.1),
    "co2": (15.0, 0.02),
    "no2": (5.0, 0.1),
    "so2": (5.0, 0.1),
    "o3": (5.0, 0.1),
    "co": (200.0, 0.1),
    "temperature": (0.4, 0.0),
    "device_temperature": (0.7, 0.0),
    "humidity": (1.5, 0.0),
    "pressure": (0.4, 0.0),
    "noise_level": (3.0, 0.0),
    "noise_laeq": (2.0, 0.0),
    "wind_speed": (1.0, 0.1),
    "wind_direction": (25.0, 0.0),
    "rain": (0.5, 0.0),
    "illuminance": (500.0, 0.25),
    "solar_radiation": (30.0, 0.25),
    "vehicle_count": (3.0, 0.25),
    "vehicle_speed": (8.0, 0.0),
    "vehicle_speed_p85": (8.0, 0.0),
    "occupancy": (4.0, 0.1),
    "voltage": (4.0, 0.0),
    "current": (0.5, 0.1),
    "power": (50.0, 0.1),
    "energy": (0.05, 0.1),
    "water_level": (0.05, 0.0),
    "battery": (2.0, 0.0),
}


UNTYPICAL = int(Flag.RANGE | Flag.STUCK | Flag.UNWELL)  # says nothing about how the series moves


class Spike:
    """Directions go round, counters are judged by their increase per minute.

    The spread is looked up only where the noise floor does not settle it: almost nowhere.
    """

    kinds: tuple[AnomalyKind, ...] = (AnomalyKind.SPIKE, AnomalyKind.UNIT)
    flags: Mapping[AnomalyKind, Flag] = MappingProxyType(
        {AnomalyKind.SPIKE: Flag.SPIKE, AnomalyKind.UNIT: Flag.UNWELL}
    )
    rule = Rule(strong=2.0, hits=2, of=3, release=0.7, calm=10)
    rows: tuple[str, ...] = ()
    tables: Mapping[str, Block] = MappingProxyType(
        {
            "ring": ((RING,), np.float64),
            "rung": ((), np.int64),  # how many the ring has seen
            "level": ((), np.float64),
            "before": ((), np.float64),  # the level before the one accepted last ...
            "before_left": ((), np.int64),  # ... which is usual for so many readings more
            "count": ((), np.int64),
            "outliers": ((ACCEPT_SLOW[0],), np.float64),
            "outlier_run": ((), np.int64),
            "outlier_since": ((), np.int64),
            "cut": ((), np.float64),
            "last_ms": ((), np.int64),  # 0 before the first
            "last": ((), np.float64),
            "interval": ((), np.float64),
            **units.TABLES,
        }
    )
    constants: Mapping[str, NDArray[Any]] = MappingProxyType(
        {
            "floor": np.array([FLOORS[name][0] for name in QUANTITIES]),
            "share": np.array([FLOORS[name][1] for name in QUANTITIES]),
            "counter": COUNTER,
            "direction": DIRECTION,
            **units.CONSTANTS,
            "lowest": np.where(DIRECTION, -np.inf, LOW),
            "highest": np.where(DIRECTION, np.inf, HIGH),
        }
    )

    def score(self, frame: Glance, lanes: Lanes) -> dict[AnomalyKind, F64]:
        """See Detector; says nothing in the first WARM_UP readings, nor after a gap until as many are learned."""
        past, found = frame.past, frame.found
        x, counts = _judged(frame)
        interval = past["interval"]
        gap = frame.at_ms - past["last_ms"] > np.maximum(GAP_MS, GAP_TIMES * interval)
        said = counts & (past["count"] >= WARM_UP) & ~gap
        level = past["level"].copy()
        size = np.abs(_residual(frame, x))
        scale = np.maximum(frame.constants["floor"], frame.constants["share"] * np.abs(level))
        rung = np.minimum(past["rung"], RING)
        wider = 1 + WARM_UP / np.maximum(WARM_UP, 4 * rung)  # while little is known
        reach = THRESHOLD * scale * wider
        (unsure,) = np.nonzero(said & (size >= self.rule.release * reach))
        if unsure.size:
            spread = _spread(lanes.tables["ring"][frame.lanes[unsure]], rung[unsure])
            scale[unsure] = np.maximum(scale[unsure], spread)
            reach[unsure] = THRESHOLD * scale[unsure] * wider[unsure]
        found |= {"x": x, "counts": counts, "gap": gap, "level": level, "size": size, "scale": scale}
        found |= {"reach": reach, "outlier": said & (size > reach)}
        unit = units.look(frame, THRESHOLD)
        return {
            AnomalyKind.SPIKE: np.where(said, size / reach, np.nan),
            AnomalyKind.UNIT: np.where(said, unit, np.nan),
        }

    def find(self, frame: Glance, kind: AnomalyKind, column: int) -> Finding:
        """See ReadingDetector."""
        found, constants = frame.found, frame.constants
        x, level, size, reach = (float(found[name][column]) for name in ("x", "level", "size", "reach"))
        low = max(level - reach, float(constants["lowest"][column]))
        high = min(level + reach, float(constants["highest"][column]))
        if kind is AnomalyKind.UNIT:
            return units.find(frame, column)._replace(expected=level, low=low, high=high)
        return Finding(size / reach, x, int(frame.at_ms[column]), level, low, high)

    def learn(self, frame: Glance, lanes: Lanes) -> None:
        """See Detector. What is impossible or stands still says nothing about how the series moves."""
        units.learn(frame, 1 / LEVEL_READINGS)
        _for_those(frame, frame.flags & UNTYPICAL == 0, lambda typical: _learn(typical, lanes))

    def explain(self, kind: AnomalyKind, name: str, quantity: str, finding: Finding) -> tuple[str, str]:
        """See Detector."""
        if kind is AnomalyKind.UNIT:
            return phrases.say(kind, name, quantity, finding)
        counter = QUANTITIES[quantity].kind is Kind.COUNTER
        per, per_vi = (" per minute", " mỗi phút") if counter else ("", "")
        low, high = words.possible(quantity, finding.low or 0.0, finding.high or 0.0)
        text = (
            f"{name}: {words.title(quantity)} is {words.amount(quantity, finding.value)}{per},"
            f" {words.band(quantity, low, high)}{per} is usual now"
        )
        text_vi = (
            f"{name}: {words.title_vi(quantity)} là {words.amount_vi(quantity, finding.value)}{per_vi},"
            f" bình thường lúc này từ {words.band_vi(quantity, low, high)}{per_vi}"
        )
        return text, text_vi


def _for_those(frame: Glance, which: Bools, work: Callable[[Glance], None]) -> None:
    """The work on some of the columns."""
    if which.all():
        work(frame)
        return
    (columns,) = np.nonzero(which)
    taken = frame.take(columns)
    work(taken)
    frame.put(columns, taken)


def _judged(frame: Glance) -> tuple[F64, Bools]:
    """The value as it is compared, and whether there is one: not for a counter's first."""
    counter = frame.constants["counter"]
    if not counter.any():
        return frame.x, np.ones(len(frame.x), bool)
    past, x = frame.past, frame.x
    counts = ~counter | ((past["last_ms"] > 0) & (frame.at_ms > past["last_ms"]))
    rise = np.where(x >= past["last"], x - past["last"], x)
    minute = rise * MINUTE_MS / np.maximum(frame.at_ms - past["last_ms"], MINUTE_MS)
    return np.where(counter, minute, x), counts


def _residual(frame: Glance, x: F64) -> F64:
    """From the level, or from the one before where that is nearer."""
    past, direction = frame.past, frame.constants["direction"]
    residual = _from(past["level"], x, direction)
    held = past["before_left"] > 0
    if held.any():
        other = _from(past["before"], x, direction)
        residual = np.where(held & (np.abs(other) < np.abs(residual)), other, residual)
    return residual


def _from(level: F64, x: F64, direction: Bools) -> F64:
    distance = x - level
    if direction.any():
        distance = np.where(direction, (distance + 180.0) % 360.0 - 180.0, distance)
    return distance


def _spread(ring: F64, rung: I64) -> F64:
    """Of the residuals in each row, of which `rung` are there."""
    if (rung == RING).all():
        middle, far = RING // 2, int(0.95 * RING)
        ring = np.partition(ring, (middle, far), axis=1)
        return np.maximum(MAD_TO_SIGMA * ring[:, middle], ring[:, far] / 2)
    ring = np.sort(np.where(np.arange(RING) < rung[:, None], ring, np.inf), axis=1)
    rows = np.arange(len(ring))
    far_at = (0.95 * rung).astype(np.int64)
    return np.maximum(MAD_TO_SIGMA * ring[rows, rung // 2], ring[rows, far_at] / 2)


def _learn(frame: Glance, lanes: Lanes) -> None:
    past, gap = frame.past, frame.found["gap"]
    if gap.any():  # also of a series' first reading
        for name in ("count", "before_left", "outlier_run"):
            past[name][gap] = 0
    later = past["last_ms"] > 0
    past["interval"] += np.where(later, (frame.at_ms - past["last_ms"] - past["interval"]) / 16, 0)
    past["last_ms"][:], past["last"][:] = frame.at_ms, frame.x
    _for_those(frame, frame.found["counts"], lambda some: _learn_value(some, lanes))


def _learn_value(frame: Glance, lanes: Lanes) -> None:
    past, x, outlier = frame.past, frame.found["x"], frame.found["outlier"]
    direction, strange = frame.constants["direction"], bool(outlier.any())
    past["count"] += 1
    count, level = past["count"], past["level"]
    np.copyto(level, x, where=count == 1)
    rate = np.maximum(1 / count, 1 / LEVEL_READINGS)
    step = _from(level, x, direction)
    cut = np.full(len(x), np.inf)
    if strange:
        begins = outlier & (past["outlier_run"] == 0)  # while a burst lasts, what it may teach does not grow
        past["cut"][begins] = CUT * frame.found["scale"][begins]
        cut = np.where(outlier, past["cut"], np.inf)
        rate = np.where(outlier, rate * OUTLIER_RATE, rate)
        step = np.maximum(-cut, np.minimum(cut, step))
    level += step * rate
    if direction.any():
        level[:] = np.where(direction, level % 360.0, level)
    lanes.tables["ring"][frame.lanes, past["rung"] % RING] = np.minimum(np.abs(_residual(frame, x)), cut)
    past["rung"] += 1
    past["before_left"] -= (past["before_left"] > 0) & ~outlier
    if strange:
        past["outlier_run"][~outlier] = 0
        _for_those(frame, outlier, lambda some: _learn_outliers(some, lanes))
    else:
        past["outlier_run"][:] = 0


def _learn_outliers(frame: Glance, lanes: Lanes) -> None:
    past, run, outliers = frame.past, frame.past["outlier_run"], lanes.tables["outliers"]
    slow_count, slow_ms = ACCEPT_SLOW
    np.copyto(past["outlier_since"], frame.at_ms, where=run == 0)
    outliers[frame.lanes, run % slow_count] = frame.found["x"]
    run += 1
    stays = (run >= slow_count) & (frame.at_ms - past["outlier_since"] >= slow_ms)
    for column in np.flatnonzero((run >= ACCEPT_READINGS) | stays).tolist():
        past["before"][column], past["before_left"][column] = past["level"][column], RING
        past["level"][column] = np.median(outliers[frame.lanes[column], : min(int(run[column]), slow_count)])
        run[column] = 0
