"""What is told of those who say too little: a silent sensor, one that loses readings, a gateway that left. Pure; times in ms."""

from typing import NamedTuple

from ingest import words
from ingest.telling import Known
from telemetry import times
from telemetry.anomaly import Anomaly, AnomalyKind, Severity, anomaly_id


class Leave(NamedTuple):
    """When a gateway left, and whether it said so itself."""

    at_ms: int
    orderly: bool


def silent(sensor: str, known: Known, start_ms: int, now_ms: int) -> Anomaly:
    """A sensor that has a period says nothing since then."""
    # No length of time: it will be longer when it is read.
    since = times.city_time(start_ms)[:19].replace("T", " ")
    period = f"{known.period_s:g}"
    return _opened(
        AnomalyKind.SILENCE,
        (sensor, known.site),
        start_ms,
        score=round((now_ms - start_ms) / (known.period_s * 1000), 1),
        text=f"{known.name}: no reading since {since}, one every {period} s is usual.",
        text_vi=f"{known.name}: không có số liệu từ {since},"
        f" bình thường cứ {period.replace('.', ',')} giây một lần.",
    )


def lossy(
    sensor: str, known: Known, span: tuple[int, int], counts: tuple[int, int], refused: bool, score: float
) -> Anomaly:
    """A sensor that speaks and loses many readings. `span` is from when to when, `counts` how many are missing of how many that
    were due within; `refused`: its gateway has dropped damaged frames meanwhile."""
    (start_ms, last_ms), (missing, due) = span, counts
    why = why_vi = ""
    if refused:
        why = "; its gateway dropped damaged frames meanwhile: its line is bad"
        why_vi = "; trạm thu đã loại các khung dữ liệu hỏng: đường dây có lỗi"
    lasts, lasts_vi = words.duration(last_ms - start_ms), words.duration_vi(last_ms - start_ms)
    return _opened(
        AnomalyKind.GAP,
        (sensor, known.site),
        start_ms,
        score=score,
        text=f"{known.name}: {missing} of {due} readings that were due within {lasts} are missing{why}.",
        text_vi=f"{known.name}: thiếu {missing} trong {due} số liệu phải có trong {lasts_vi}{why_vi}.",
    )


def gateway_gone(gateway: str, site: str, place: str, start_ms: int, leave: Leave | None) -> Anomaly:
    """A gateway cannot be heard; without a `leave` its heartbeat has stopped. `place` is the name of its site, "" = unknown."""
    at, at_vi = (f" at {place}", f" tại {place}") if place else ("", "")
    orderly = leave is not None and leave.orderly
    if leave is None:
        text, text_vi = "sends no heartbeat", "không còn gửi tín hiệu"
    elif orderly:
        text, text_vi = "was shut down", "đã được tắt"
    else:
        text, text_vi = "lost its connection", "đã mất kết nối"
    return _opened(
        AnomalyKind.GATEWAY,
        (gateway, site),
        start_ms,
        score=1.0,
        severity=Severity.INFO if orderly else Severity.CRITICAL,
        text=f"Gateway {gateway}{at} {text}; its sensors cannot be heard.",
        text_vi=f"Trạm thu {gateway}{at_vi} {text_vi}; các cảm biến của trạm không còn số liệu.",
    )


def _opened(
    kind: AnomalyKind,
    who: tuple[str, str],
    start_ms: int,
    *,
    score: float,
    text: str,
    text_vi: str,
    severity: Severity = Severity.WARNING,
) -> Anomaly:
    """What is not there has no value, nothing expected and no band. `who` is a sensor or gateway and its site."""
    name, site = who
    return Anomaly(
        id=anomaly_id(name, "", kind, start_ms),
        sensor=name,
        quantity="",
        site=site,
        kind=kind,
        severity=severity,
        start_ms=start_ms,
        end_ms=None,
        score=score,
        value=None,
        expected=None,
        low=None,
        high=None,
        text=text,
        text_vi=text_vi,
    )
