"""Rule alarms: means over clock hours against limits of regulation. Pure: hourly means in, anomalies out.

A mean over 8 or 24 hours is that of its hourly means (levels: of their energy), with 75 % of them, as an hour needs 75 % of its
readings (Decision 1459/QĐ-TCMT asks the same of VN_AQI). It is taken anew at every full hour.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from ingest import words
from ingest.telling import Known
from runtime.limits import Limit
from telemetry.aggregates import aggregate
from telemetry.anomaly import Anomaly, AnomalyKind, anomaly_id
from telemetry.quantities import QUANTITIES, Kind
from telemetry.times import CITY_ZONE, HOUR_MS

COMPLETE = 0.75
RELEASE, RELEASE_DB = 0.95, 1.0
SILENT_HOURS = 3  # without a mean for so long, what was open ends


class HourMean(NamedTuple):
    """The mean of the hour that begins at `start_ms`; `readings` stand behind it."""

    start_ms: int
    value: float
    readings: int


class _Open(NamedTuple):
    anomaly: Anomaly
    last_ms: int  # the end of the last hour with a mean


Key = tuple[str, str, int]  # sensor, quantity, hours


class Rules:
    """Which limits are exceeded."""

    def __init__(self, limits: Sequence[Limit]) -> None:
        self.limits = limits
        self._open: dict[Key, _Open] = {}

    @property
    def quantities(self) -> list[str]:
        """What there are limits for."""
        return sorted({one.quantity for one in self.limits})

    def resume(self, anomalies: Iterable[Anomaly]) -> None:
        """Go on with what an earlier process life has opened."""
        for one in anomalies:
            for hours in {limit.hours for limit in self.limits if limit.quantity == one.quantity}:
                if one.end_ms is None and one.id == _id(one.sensor, one.quantity, hours, one.start_ms):
                    self._open[one.sensor, one.quantity, hours] = _Open(one, one.start_ms + HOUR_MS)

    def look(
        self,
        end_ms: int,
        means: Mapping[tuple[str, str], Sequence[HourMean]],
        known: Mapping[str, Known],
    ) -> list[Anomaly]:
        """What opened, grew and closed with the hour that ended at `end_ms`. `means` are those of the last 24 hours, by
        (sensor, quantity)."""
        last = datetime.fromtimestamp((end_ms - HOUR_MS) / 1000, CITY_ZONE)
        changes: list[Anomaly] = []
        looked: set[Key] = set()
        for (sensor, quantity), hourly in means.items():
            about = known.get(sensor, Known(sensor, "", "", 0.0))
            whole = [one for one in hourly if one.readings >= COMPLETE * _expected(about.period_s)]
            for limit in self.limits:
                key = (sensor, quantity, int(limit.hours))
                fits = limit.quantity == quantity and limit.holds(about.site, last.date(), last.hour)
                if fits and key not in looked:
                    looked.add(key)
                    value = _mean(quantity, whole, end_ms, limit.hours)
                    changes += self._judge(key, limit, value, about, end_ms)
        for key, one in list(self._open.items()):
            if key not in looked:  # no limit for these hours, or nothing stored
                changes += self._miss(key, one, end_ms)
        return changes

    def _judge(self, key: Key, limit: Limit, value: float | None, about: Known, end_ms: int) -> list[Anomaly]:
        known = self._open.get(key)
        if value is None:
            return self._miss(key, known, end_ms) if known is not None else []
        if known is None:
            if value <= limit.limit:
                return []
            told = _anomaly(key, limit, value, about, end_ms - HOUR_MS, end_ms)
        elif value <= _release(limit):
            return [self._close(key, known, max(end_ms - HOUR_MS, known.anomaly.start_ms))]
        elif value <= (known.anomaly.value or 0.0):
            self._open[key] = _Open(known.anomaly, end_ms)
            return []
        else:
            told = _anomaly(key, limit, value, about, known.anomaly.start_ms, end_ms)
        self._open[key] = _Open(told, end_ms)
        return [told]

    def _miss(self, key: Key, known: _Open, end_ms: int) -> list[Anomaly]:
        if end_ms - known.last_ms < SILENT_HOURS * HOUR_MS:
            return []
        return [self._close(key, known, known.last_ms)]

    def _close(self, key: Key, known: _Open, at_ms: int) -> Anomaly:
        del self._open[key]
        one, lasted = known.anomaly, at_ms - known.anomaly.start_ms
        text = f"{one.text.rstrip('.')}; over after {words.duration(lasted)}."
        text_vi = f"{one.text_vi.rstrip('.')}; đã hết sau {words.duration_vi(lasted)}."
        return msgspec.structs.replace(one, end_ms=at_ms, text=text, text_vi=text_vi)


def _expected(period_s: float) -> float:
    return 3600 / period_s if period_s > 0 else 1.0


def _mean(quantity: str, hourly: Sequence[HourMean], end_ms: int, hours: int) -> float | None:
    """Over the last `hours`; None when too much is missing."""
    values = [one.value for one in hourly if end_ms - hours * HOUR_MS <= one.start_ms < end_ms]
    if len(values) < COMPLETE * hours:
        return None
    return aggregate(QUANTITIES[quantity].aggregate, values)


def _release(limit: Limit) -> float:
    if QUANTITIES[limit.quantity].kind is Kind.LEVEL_DB:
        return limit.limit - RELEASE_DB
    return limit.limit * RELEASE


def _id(sensor: str, quantity: str, hours: int, start_ms: int) -> str:
    return anomaly_id(sensor, f"{quantity}/{hours}h", AnomalyKind.LIMIT, start_ms)


def _anomaly(key: Key, limit: Limit, value: float, about: Known, start_ms: int, end_ms: int) -> Anomaly:
    sensor, quantity, hours = key
    level = QUANTITIES[quantity].kind is Kind.LEVEL_DB
    until = f"{datetime.fromtimestamp(end_ms / 1000, CITY_ZONE):%H:%M}"
    span, span_vi = ("hour", "1 giờ") if hours == 1 else (f"{hours} hours", f"{hours} giờ")
    return Anomaly(
        id=_id(sensor, quantity, hours, start_ms),
        sensor=sensor,
        quantity=quantity,
        site=about.site,
        kind=AnomalyKind.LIMIT,
        severity=limit.severity,
        start_ms=start_ms,
        end_ms=None,
        score=round(1 + (value - limit.limit) / 10 if level else value / limit.limit, 2),
        value=round(value, 3),
        expected=None,
        low=None,
        high=limit.limit,
        text=f"{about.name}: mean {words.title(quantity)} over the {span} to {until} is {words.amount(quantity, value)},"
        f" the limit ({limit.rule}) is {words.amount(quantity, limit.limit)}.",
        text_vi=f"{about.name}: {words.title_vi(quantity)} trung bình {span_vi} đến {until} là"
        f" {words.amount_vi(quantity, value)}, giới hạn ({limit.rule}) là {words.amount_vi(quantity, limit.limit)}.",
    )
