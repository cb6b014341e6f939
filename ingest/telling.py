"""An episode of a series as the anomaly that people are told, and any anomaly that is over. Pure."""

from typing import NamedTuple

import msgspec

from ingest import comparison, words
from ingest.detectors import DETECTORS, Finding, phrases
from ingest.episodes import Episode
from telemetry.anomaly import Anomaly, AnomalyKind, Severity, anomaly_id
from telemetry.quantities import QUANTITIES

# Of these less than twice the threshold is for information only.
MILD = (
    AnomalyKind.SPIKE,
    AnomalyKind.CALIBRATION,
    AnomalyKind.DRIFT,
    AnomalyKind.BIAS,
    AnomalyKind.UNUSUAL,
    AnomalyKind.RHYTHM,
)


class Known(NamedTuple):
    """A sensor as the judge sees it. `period_s` 0 = event-driven, `place` is the name of its site, "" where it has none."""

    name: str
    site: str
    gateway: str
    period_s: float
    place: str = ""


def tell(
    series: tuple[str, str], known: Known, kind: AnomalyKind, episode: Episode, end_ms: int | None
) -> Anomaly:
    """The series' episode of this kind, which was opened; `end_ms` None while it lasts."""
    (sensor, quantity), finding = series, episode.worst
    if finding is None:
        raise AssertionError(f"{kind} of {sensor}/{quantity} is told before it was opened")
    text, text_vi = _explain(kind, known, quantity, finding)
    if end_ms is not None and kind is not AnomalyKind.REGIME:  # what is the new normal is not over
        lasted = end_ms - episode.start_ms
        text += f"; over after {words.duration(lasted)}"
        text_vi += f"; đã hết sau {words.duration_vi(lasted)}"
    mild = kind in MILD and finding.score < 2
    return Anomaly(
        id=anomaly_id(sensor, quantity, kind, episode.start_ms),
        sensor=sensor,
        quantity=quantity,
        site=known.site,
        kind=kind,
        severity=Severity.INFO if mild else Severity.WARNING,
        start_ms=episode.start_ms,
        end_ms=end_ms,
        score=round(finding.score, 2),
        value=finding.value,
        expected=_short(finding.expected),
        low=_short(finding.low),
        high=_short(finding.high),
        text=f"{text}.",
        text_vi=f"{text_vi}.",
    )


def over(anomaly: Anomaly, at_ms: int) -> Anomaly:
    """The same, over since then, or at its beginning when a clock was set back before that."""
    end_ms = max(at_ms, anomaly.start_ms)
    lasted = end_ms - anomaly.start_ms
    return msgspec.structs.replace(
        anomaly,
        end_ms=end_ms,
        text=f"{anomaly.text.rstrip('.')}; over after {words.duration(lasted)}.",
        text_vi=f"{anomaly.text_vi.rstrip('.')}; đã hết sau {words.duration_vi(lasted)}.",
    )


def _short(number: float | None) -> float | None:
    """To seven figures: what is worked out is known no better."""
    return None if number is None else float(f"{number:.7g}")


def recall(anomaly: Anomaly) -> Finding:
    """What an anomaly of an earlier process life was opened by."""
    return Finding(
        anomaly.score,
        anomaly.value or 0.0,
        anomaly.start_ms,
        anomaly.expected,
        anomaly.low,
        anomaly.high,
    )


def _explain(kind: AnomalyKind, known: Known, quantity: str, finding: Finding) -> tuple[str, str]:
    name = known.name
    if finding.by_hour and kind in comparison.COMPARED:
        return comparison.say(kind, name, known.place, quantity, finding)
    if kind is AnomalyKind.CALIBRATION:
        return comparison.walked(name, quantity, finding)
    if kind in DETECTORS:
        return DETECTORS[kind].explain(kind, name, quantity, finding)
    if kind is not AnomalyKind.RANGE:
        return phrases.say(kind, name, quantity, finding)
    bounds = QUANTITIES[quantity].low, QUANTITIES[quantity].high
    text = (
        f"{name}: {words.title(quantity)} reads {words.amount(quantity, finding.value)},"
        f" only {words.band(quantity, *bounds)} is possible"
    )
    text_vi = (
        f"{name}: {words.title_vi(quantity)} báo {words.amount_vi(quantity, finding.value)},"
        f" chỉ có thể từ {words.band_vi(quantity, *bounds)}"
    )
    return text, text_vi
