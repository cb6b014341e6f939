"""What is unlike its hour in one sentence: how many times, or by how much, and whether the neighbours see it too. Pure."""

from datetime import UTC, datetime

from ingest import words
from ingest.calendar import names_vn
from ingest.detectors.finding import Finding
from telemetry.anomaly import AnomalyKind
from telemetry.quantities import QUANTITIES
from telemetry.times import CITY_OFFSET_MS

TIMES, TIMES_LESS = 1.3, 0.7  # nearer to 1 the difference says more ...
LEAST = 0.1  # ... and where next to nothing is left
MANY = 10  # times: from there without a decimal
NO_ZERO = (
    "temperature",
    "device_temperature",
    "pressure",
    "noise_level",
    "noise_laeq",
    "humidity",
    "voltage",
    "water_level",
)
NEIGHBOURS = " neighbour"  # what stands in a sentence for which they were asked
COMPARED = (AnomalyKind.UNUSUAL, AnomalyKind.RHYTHM, AnomalyKind.BIAS, AnomalyKind.DRIFT)
_ADDED = {
    AnomalyKind.DRIFT: (" and came there slowly", ", lệch dần"),
    AnomalyKind.BIAS: (" and stays there", " và giữ nguyên như vậy"),
}


def say(kind: AnomalyKind, name: str, place: str, quantity: str, finding: Finding) -> tuple[str, str]:
    """English and Vietnamese, without the full stop, for a finding `by_hour`. The city is named by its `place`, a sensor by its
    `name`."""
    local_ms = finding.since_ms + CITY_OFFSET_MS
    holiday, holiday_vi = names_vn(datetime.fromtimestamp(local_ms / 1000, UTC).date())
    when, when_vi = words.at_hour(local_ms, holiday), words.at_hour_vi(local_ms, holiday_vi)
    how, how_vi = _against(quantity, finding.value, finding.expected or 0.0)
    added, added_vi = _ADDED.get(kind, ("", ""))
    neighbours, neighbours_vi = _neighbours(finding)
    title, title_vi = words.title(quantity), words.title_vi(quantity)
    city = kind in (AnomalyKind.UNUSUAL, AnomalyKind.RHYTHM) and place
    what, what_vi = (
        (f"{title} at {place}", f"{title_vi} tại {place}")
        if city
        else (f"{name}: {title}", f"{name}: {title_vi}")
    )
    what, what_vi = (one[0].upper() + one[1:] for one in (what, what_vi))
    if kind is AnomalyKind.RHYTHM:
        missing, missing_vi = _missing(quantity, finding, when, when_vi)
        return f"{what}: {missing}{neighbours}", f"{what_vi}: {missing_vi}{neighbours_vi}"
    return (
        f"{what} is {how} what is usual for {when}{added}{neighbours}",
        f"{what_vi} {how_vi} mức bình thường lúc {when_vi}{added_vi}{neighbours_vi}",
    )


def walked(name: str, quantity: str, finding: Finding) -> tuple[str, str]:
    """What has left its neighbours over weeks: how much, since which day, against how many."""
    expected = finding.value if finding.expected is None else finding.expected
    value, off = finding.value, finding.value - expected
    since = datetime.fromtimestamp((finding.since_ms + CITY_OFFSET_MS) / 1000, UTC)
    lower = off < 0
    far, far_vi = words.amount(quantity, abs(off)), words.amount_vi(quantity, abs(off))
    if quantity not in NO_ZERO and expected > 0:
        far = far_vi = f"{abs(off) / expected:.0%}".replace("%", " %")
    asked, asked_vi = "its neighbours", "các cảm biến bên cạnh"
    if finding.against:
        ending = "" if finding.against == 1 else "s"
        asked = f"its {words.count(finding.against)}{NEIGHBOURS}{ending}"
        asked_vi = f"{finding.against} cảm biến bên cạnh"
    text = (
        f"{name}: {words.title(quantity)} has drifted {far} {'below' if lower else 'above'} {asked} since"
        f" {since.day} {since:%B %Y}: {words.amount(quantity, value)} where they lead to expect"
        f" {words.amount(quantity, expected)}"
    )
    text_vi = (
        f"{name}: {words.title_vi(quantity)} lệch dần {'thấp' if lower else 'cao'} hơn {asked_vi} {far_vi}"
        f" kể từ ngày {since.day}/{since.month}/{since.year}: {words.amount_vi(quantity, value)} trong khi dự kiến là"
        f" {words.amount_vi(quantity, expected)}"
    )
    return text, text_vi


def _missing(quantity: str, finding: Finding, when: str, when_vi: str) -> tuple[str, str]:
    """How far it usually goes by now, how far it went, and since when. What is recalled of an earlier process life may not know
    from where it should have gone."""
    expected = finding.expected or 0.0
    before = finding.value if finding.before is None else finding.before
    rises = expected >= before
    usual, seen = expected - before, finding.value - before
    word, word_vi = ("rise", "mức tăng") if rises else ("fall", "mức giảm")
    since, since_vi = "", ""
    if finding.before is not None:
        clock = f"{datetime.fromtimestamp((finding.before_ms + CITY_OFFSET_MS) / 1000, UTC):%H:%M}"
        since, since_vi = f" since {clock}", f" kể từ {clock}"
    text = (
        f"the {word} that is usual for {when} does not come: {words.change(quantity, seen)}{since},"
        f" where {words.change(quantity, usual)} is usual"
    )
    text_vi = (
        f"{word_vi} thường có lúc {when_vi} không xảy ra: {words.change_vi(quantity, seen)}{since_vi},"
        f" trong khi bình thường là {words.change_vi(quantity, usual)}"
    )
    return text, text_vi


def _against(quantity: str, value: float, expected: float) -> tuple[str, str]:
    if quantity not in NO_ZERO and QUANTITIES[quantity].low >= 0 and expected > 0:
        ratio = value / expected
        if ratio >= TIMES or LEAST <= ratio <= TIMES_LESS:
            times = f"{ratio:.1f}" if ratio < MANY else f"{ratio:.0f}"
            return f"{times} times", f"bằng {times.replace('.', ',')} lần"
    amount, amount_vi = words.amount(quantity, value), words.amount_vi(quantity, value)
    far, far_vi = (
        words.amount(quantity, abs(value - expected)),
        words.amount_vi(quantity, abs(value - expected)),
    )
    side, side_vi = ("above", "cao hơn") if value >= expected else ("below", "thấp hơn")
    return f"{amount}, {far} {side}", f"là {amount_vi}, {side_vi} {far_vi} so với"


def _neighbours(finding: Finding) -> tuple[str, str]:
    number = finding.agree or finding.against
    if not number:
        return "", ""
    ending = "" if number == 1 else "s"
    if finding.agree:
        verb = "agrees" if number == 1 else "agree"
        return (
            f"; {words.count(number)}{NEIGHBOURS}{ending} {verb}",
            f"; {number} cảm biến bên cạnh cũng thấy như vậy",
        )
    verb = "does" if number == 1 else "do"
    return (
        f"; {words.count(number)}{NEIGHBOURS}{ending} {verb} not see it",
        f"; {number} cảm biến bên cạnh không thấy như vậy",
    )
