"""Sensors whose own clock is wrong: what they send is set aside, because its time cannot be right, and that is told. Pure.

While the hub may be wrong itself nothing is refused for its time (`ingest.hubclock`), so nothing comes here.
"""

from collections.abc import Iterable, Mapping

from ingest import words
from ingest.telling import Known, over
from telemetry.anomaly import Anomaly, AnomalyKind, Severity, anomaly_id

TWICE = 2  # batches in which it was refused, before it is told


class SensorClocks:
    """Which sensors were refused for their time, and what is open."""

    def __init__(self) -> None:
        self._refused: dict[str, int] = {}
        self._open: dict[str, Anomaly] = {}

    def resume(self, anomalies: Iterable[Anomaly]) -> None:
        """Go on with what an earlier process life has opened."""
        for one in anomalies:
            if one.kind is AnomalyKind.CLOCK and one.end_ms is None:
                self._open[one.sensor] = one

    @property
    def watched(self) -> bool:
        """Whether any sensor's time was refused and has not come right yet."""
        return bool(self._refused or self._open)

    def look(
        self, ahead_ms: Mapping[str, int], right: Iterable[str], known: Mapping[str, Known], now_ms: int
    ) -> list[Anomaly]:
        """What a batch opens and closes: how far sensors whose readings were refused are ahead of the hub, and sensors whose
        readings came live and were taken."""
        changes = []
        for sensor in (self._refused.keys() | self._open.keys()) & set(right) - ahead_ms.keys():
            self._refused.pop(sensor, None)
            if (opened := self._open.pop(sensor, None)) is not None:
                changes.append(over(opened, now_ms))
        for sensor, ahead in ahead_ms.items():
            self._refused[sensor] = self._refused.get(sensor, 0) + 1
            if self._refused[sensor] >= TWICE and sensor not in self._open and sensor in known:
                self._open[sensor] = _opened(sensor, known[sensor], ahead, now_ms)
                changes.append(self._open[sensor])
        return changes


def _opened(sensor: str, known: Known, ahead_ms: int, now_ms: int) -> Anomaly:
    far, far_vi = words.duration(abs(ahead_ms)), words.duration_vi(abs(ahead_ms))
    side, side_vi = ("ahead of", "nhanh hơn") if ahead_ms > 0 else ("behind", "chậm hơn")
    return Anomaly(
        id=anomaly_id(sensor, "", AnomalyKind.CLOCK, now_ms),
        sensor=sensor,
        quantity="",
        site=known.site,
        kind=AnomalyKind.CLOCK,
        severity=Severity.WARNING,
        start_ms=now_ms,
        end_ms=None,
        score=1.0,
        value=ahead_ms / 1000,
        expected=0.0,
        low=None,
        high=None,
        text=f"{known.name}: its times are {far} {side} the hub's; its readings are set aside until its clock is right.",
        text_vi=f"{known.name}: thời gian của cảm biến {side_vi} trung tâm {far_vi};"
        " số liệu được để riêng cho đến khi đồng hồ đúng.",
    )
