"""Findings in words: one sentence per kind, in English and in Vietnamese. A series without a quantity has a value, no unit."""

from ingest import words
from ingest.detectors.finding import Finding
from telemetry.anomaly import AnomalyKind

_SENTENCES: dict[AnomalyKind, tuple[str, str]] = {
    AnomalyKind.STUCK: (
        "{what} stands still at {value}, longer than it ever does",
        "{what} đứng yên ở {value}, lâu hơn mọi khi",
    ),
    AnomalyKind.ZERO: (
        "{what} reads exactly 0, where it seldom is",
        "{what} báo đúng 0, trong khi hiếm khi như vậy",
    ),
    AnomalyKind.GAP: (
        "{what}: readings are missing, {score} times as long as a hole that is usual",
        "{what}: thiếu số liệu, lâu gấp {score} lần mức thường gặp",
    ),
    AnomalyKind.UNIT: (
        "{what} is {value}, a power of ten from the expected {expected}: a unit or a range may have changed",
        "{what} là {value}, lệch một luỹ thừa của mười so với mức dự kiến {expected}: có thể đơn vị đo đã đổi",
    ),
    AnomalyKind.RATE: (
        "{what} is {value} after {expected}: nothing outdoors changes so fast, possible is {band}",
        "{what} là {value} sau {expected}: ngoài trời không gì đổi nhanh như vậy, chỉ có thể {band}",
    ),
    AnomalyKind.NOISE: (
        "{what} is {value} and jumps about, usual is {band}",
        "{what} là {value} và dao động mạnh, bình thường là {band}",
    ),
    AnomalyKind.DRIFT: (
        "{what} is {value} and has moved away slowly, usual is {band}",
        "{what} là {value} và lệch dần, bình thường là {band}",
    ),
    AnomalyKind.BIAS: (
        "{what} is {value} and stays away from its usual {band}",
        "{what} là {value} và vẫn lệch khỏi mức bình thường {band}",
    ),
    AnomalyKind.SPIKE: (
        "{what} is {value}, usual now is {band}",
        "{what} là {value}, bình thường lúc này là {band}",
    ),
    AnomalyKind.REGIME: (
        "{what} has changed for good: {value} is the new normal, it was {expected}",
        "{what} đã đổi hẳn: {value} là mức bình thường mới, trước đây là {expected}",
    ),
    AnomalyKind.UNUSUAL: (
        "{what} is {value}, for this hour of this weekday usual is {band}",
        "{what} là {value}, vào giờ này trong tuần bình thường là {band}",
    ),
    AnomalyKind.RHYTHM: (
        "{what} stays at {value}, where by now {expected} is usual",
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
