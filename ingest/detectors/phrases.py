"""Findings in words: one sentence per kind, in English and in Vietnamese. A series without a quantity has a value, no unit."""

from ingest import words
from ingest.detectors.finding import Finding
from telemetry.anomaly import AnomalyKind

_SENTENCES: dict[AnomalyKind, tuple[str, str]] = {
    AnomalyKind.STUCK: (
        "{what} stands still, or all but still, at {value}, longer than it ever does",
        "{what} đứng yên, hoặc gần như đứng yên, ở {value}, lâu hơn mọi khi",
    ),
    AnomalyKind.ZERO: (
        "{what} reads exactly 0, which it seldom does",
        "{what} báo đúng 0, trong khi hiếm khi như vậy",
    ),
    AnomalyKind.GAP: (
        "{what}: readings are missing, for {score} times as long as is usual",
        "{what}: thiếu số liệu, lâu gấp {score} lần mức thường gặp",
    ),
    AnomalyKind.UNIT: (
        "{what} is {value} where {expected} is expected: its unit or its range may have changed",
        "{what} là {value} trong khi mức dự kiến là {expected}: có thể đơn vị đo hoặc thang đo đã đổi",
    ),
    AnomalyKind.RATE: (
        "{what} is {value} after {expected}: nothing outdoors changes so fast, only {band} is possible",
        "{what} là {value} sau {expected}: ngoài trời không gì thay đổi nhanh như vậy, chỉ có thể từ {band}",
    ),
    AnomalyKind.NOISE: (
        "{what} is {value} and jumps about, {band} is usual",
        "{what} là {value} và dao động mạnh, bình thường từ {band}",
    ),
    AnomalyKind.DRIFT: (
        "{what} is {value} and has moved there slowly, {band} is usual",
        "{what} là {value} và lệch dần, bình thường từ {band}",
    ),
    AnomalyKind.BIAS: (
        "{what} is {value} and stays away from its usual {band}",
        "{what} là {value} và vẫn lệch khỏi mức bình thường từ {band}",
    ),
    AnomalyKind.SPIKE: (
        "{what} is {value}, {band} is usual now",
        "{what} là {value}, bình thường lúc này từ {band}",
    ),
    AnomalyKind.REGIME: (
        "{what} has changed for good: {value} is the new normal, it was {expected}",
        "{what} đã đổi hẳn: {value} là mức bình thường mới, trước đây là {expected}",
    ),
    AnomalyKind.UNUSUAL: (
        "{what} is {value}, {band} is usual at this hour of this weekday",
        "{what} là {value}, vào giờ này trong tuần bình thường từ {band}",
    ),
    AnomalyKind.RHYTHM: (
        "{what} stays at {value}, where {expected} is usual by now",
        "{what} vẫn ở {value}, trong khi lúc này bình thường là {expected}",
    ),
}


def say(kind: AnomalyKind, name: str, quantity: str, finding: Finding) -> tuple[str, str]:
    """The finding in English and in Vietnamese, without the full stop. `quantity` "" = unknown."""
    english, vietnamese = _SENTENCES[kind]
    expected = finding.value if finding.expected is None else finding.expected
    low = expected if finding.low is None else finding.low
    high = expected if finding.high is None else finding.high
    if not quantity:
        plain = {
            "value": f"{finding.value:.6g}",
            "expected": f"{expected:.6g}",
            "score": f"{finding.score:.1f}",
        }
        band = f"{low:.6g} to {high:.6g}"
        return (
            english.format(what=f"{name}: the value", band=band, **plain),
            vietnamese.format(what=f"{name}: giá trị", band=band.replace(" to ", " đến "), **plain),
        )
    low, high = words.possible(quantity, low, high)
    return (
        english.format(
            what=f"{name}: {words.title(quantity)}",
            value=words.amount(quantity, finding.value),
            expected=words.amount(quantity, expected),
            band=words.band(quantity, low, high),
            score=f"{finding.score:.1f}",
        ),
        vietnamese.format(
            what=f"{name}: {words.title_vi(quantity)}",
            value=words.amount_vi(quantity, finding.value),
            expected=words.amount_vi(quantity, expected),
            band=words.band_vi(quantity, low, high),
            score=f"{finding.score:.1f}".replace(".", ","),
        ),
    )
