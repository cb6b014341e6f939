"""Numbers, units and durations as people read them, in English and in Vietnamese."""

from collections.abc import Sequence

from telemetry.quantities import QUANTITIES
from telemetry.times import DAY_MS, HOUR_MS

_SIGNS = {
    "ug/m3": "µg/m³",
    "Cel": "°C",
    "%RH": "%",
    "%EL": "%",
    "deg": "°",
    "W/m2": "W/m²",
    "count": "",
}
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_THU = ("thứ Hai", "thứ Ba", "thứ Tư", "thứ Năm", "thứ Sáu", "thứ Bảy", "Chủ nhật")
_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_TIGHT = frozenset({"°"})


def amount(quantity: str, value: float) -> str:
    """The value with its unit: `412.0 µg/m³`."""
    return f"{number(quantity, value)}{_unit(quantity)}"


def band(quantity: str, low: float, high: float) -> str:
    """Two bounds with one unit: `12.0 to 34.0 µg/m³`."""
    return f"{number(quantity, low)} to {number(quantity, high)}{_unit(quantity)}"


def amount_vi(quantity: str, value: float) -> str:
    """The value with its unit and a decimal comma: `412,0 µg/m³`."""
    return f"{number_vi(quantity, value)}{_unit(quantity)}"


def band_vi(quantity: str, low: float, high: float) -> str:
    """Two bounds with one unit: `12,0 đến 34,0 µg/m³`."""
    return f"{number_vi(quantity, low)} đến {number_vi(quantity, high)}{_unit(quantity)}"


def number(quantity: str, value: float) -> str:
    """The value with the decimals of its quantity, never a negative zero."""
    text = f"{value:.{QUANTITIES[quantity].decimals}f}"
    return text.lstrip("-") if float(text) == 0 else text


def number_vi(quantity: str, value: float) -> str:
    """The same with a decimal comma."""
    return number(quantity, value).replace(".", ",")


def change(quantity: str, value: float) -> str:
    """A difference with its sign and unit: `+11.00 A`, `-0.20 A`, `0.00 A`."""
    text = number(quantity, value)
    return f"{'+' if float(text) > 0 else ''}{text}{_unit(quantity)}"


def change_vi(quantity: str, value: float) -> str:
    """The same with a decimal comma."""
    return change(quantity, value).replace(".", ",")


def possible(quantity: str, low: float, high: float) -> tuple[float, float]:
    """The part of a band that is physically possible: no rain below zero."""
    bounds = QUANTITIES[quantity]
    return max(low, bounds.low), min(high, bounds.high)


def title(quantity: str) -> str:
    """The quantity's English name inside a sentence: `PM2.5`, `air temperature`."""
    text = QUANTITIES[quantity].title.removesuffix(", counting up")  # told is what it counts, or how fast
    return text if text[1:2].isupper() or not text[1:2].isalpha() else text[0].lower() + text[1:]


def title_vi(quantity: str) -> str:
    """The quantity's Vietnamese name inside a sentence."""
    text = QUANTITIES[quantity].title_vi.removesuffix(" tích lũy")
    return text if text[1:2].isupper() or not text[1:2].isalpha() else text[0].lower() + text[1:]


def at_hour(local_ms: int, holiday: str = "") -> str:
    """`a Monday 08:00`; on a public holiday `08:00 on a public holiday (National Day)`. `local_ms` is civil time."""
    hour = f"{local_ms // HOUR_MS % 24:02d}:00"
    if holiday:
        return f"{hour} on a public holiday ({holiday})"
    return f"a {_WEEKDAYS[(local_ms // DAY_MS + 3) % 7]} {hour}"


def at_hour_vi(local_ms: int, holiday: str = "") -> str:
    """`8 giờ thứ Hai`, `8 giờ ngày lễ (Quốc khánh)`."""
    hour = f"{local_ms // HOUR_MS % 24} giờ"
    return f"{hour} ngày lễ ({holiday})" if holiday else f"{hour} {_THU[(local_ms // DAY_MS + 3) % 7]}"


def count(number: int) -> str:
    """`two`, `11`."""
    return _NUMBERS[number] if number < len(_NUMBERS) else str(number)


def duration(milliseconds: int, units: Sequence[str] = ("s", "min", "h", "days")) -> str:
    """`45 s`, `12 min`, `3 h 5 min`, `2 days`."""
    second, minute, hour, day = units
    seconds = milliseconds // 1000
    if seconds < 120:
        return f"{seconds} {second}"
    if seconds < 7200:
        return f"{seconds // 60} {minute}"
    if seconds < 172_800:
        minutes = seconds % 3600 // 60
        return f"{seconds // 3600} {hour}" + (f" {minutes} {minute}" if minutes else "")
    return f"{seconds // 86_400} {day}"


def duration_vi(milliseconds: int) -> str:
    """`45 giây`, `12 phút`, `3 giờ 5 phút`, `2 ngày`."""
    return duration(milliseconds, ("giây", "phút", "giờ", "ngày"))


def _unit(quantity: str) -> str:
    unit = QUANTITIES[quantity].unit
    sign = _SIGNS.get(unit, unit)
    return sign if not sign or sign in _TIGHT else f" {sign}"
