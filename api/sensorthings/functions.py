"""The functions and operators of $filter (18-088 section 9.3.3.5.2) on values. Pure.

Geometry is what this city has: points, and polygons to look inside of; distances are in degrees, as FROST-Server's are.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, NamedTuple

POINTS_MAX = 1000  # of a polygon
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NUMBER = r"-?\d{1,3}(?:\.\d{1,15})?"
_POINT = re.compile(rf"\s*POINT\s*\(\s*({_NUMBER})[\s,]+({_NUMBER})\s*\)\s*", re.IGNORECASE)
_POLYGON = re.compile(r"\s*POLYGON\s*\(((?:\s*\([^()]*\)\s*,?)+)\)\s*", re.IGNORECASE)
_DURATION = re.compile(
    r"(-?)P(?:(\d{1,6})D)?(?:T(?:(\d{1,6})H)?(?:(\d{1,6})M)?(?:(\d{1,9}(?:\.\d{1,3})?)S)?)?"
)


class FilterError(ValueError):
    """The expression cannot be understood or applied; one sentence."""


class Time(NamedTuple):
    """An instant, ms since 1970."""

    ms: int


class Duration(NamedTuple):
    """Milliseconds."""

    length_ms: int


class Point(NamedTuple):
    """WGS 84, degrees."""

    longitude: float
    latitude: float


class Polygon(NamedTuple):
    """Its outline and its holes, each closed."""

    rings: tuple[tuple[Point, ...], ...]


Value = str | float | bool | Time | Duration | Point | Polygon | Mapping[str, Any] | None


def parse_time(text: str) -> Time:
    """An ISO 8601 time with a zone; raises FilterError."""
    try:
        instant = datetime.fromisoformat(text)
        return Time((instant - _EPOCH) // timedelta(milliseconds=1))
    except (ValueError, OverflowError, TypeError):
        raise FilterError(f"{text[:40]!r} is no time like 2026-11-23T00:00:00Z") from None


def parse_duration(text: str) -> Duration:
    """ISO 8601 of days, hours, minutes and seconds; raises FilterError."""
    match = _DURATION.fullmatch(text)
    if match is None or not any(match.groups()[1:]):
        raise FilterError(f"$filter: {text[:40]!r} is no duration like PT1H")
    sign, days, hours, minutes, seconds = match.groups()
    total = int(days or 0) * 86_400 + int(hours or 0) * 3600 + int(minutes or 0) * 60 + float(seconds or 0)
    return Duration(round(total * 1000) * (-1 if sign else 1))


def parse_geometry(text: str) -> Point | Polygon:
    """Well-known text of a point or a polygon; raises FilterError."""
    if match := _POINT.fullmatch(text):
        return Point(float(match[1]), float(match[2]))
    if match := _POLYGON.fullmatch(text):
        rings = tuple(_ring(ring) for ring in re.findall(r"\(([^()]*)\)", match[1]))
        if sum(map(len, rings)) <= POINTS_MAX:
            return Polygon(rings)
        raise FilterError(f"$filter: a polygon may have {POINTS_MAX} points at most")
    raise FilterError(
        f"$filter: {text[:40]!r} is no geometry like POINT (107.04 20.95) or POLYGON ((107 20, 108 20, 108 21, 107 20))"
    )


def _ring(text: str) -> tuple[Point, ...]:
    points = []
    for part in text.split(","):
        pair = re.fullmatch(rf"\s*({_NUMBER})\s+({_NUMBER})\s*", part)
        if pair is None:
            raise FilterError(f"$filter: {part.strip()[:40]!r} is no point of a polygon")
        points.append(Point(float(pair[1]), float(pair[2])))
    if len(points) < 4 or points[0] != points[-1]:
        raise FilterError("$filter: a polygon's ring must end where it begins and have three corners")
    return tuple(points)


def _text(value: Value) -> str:
    if not isinstance(value, str):
        raise FilterError("$filter: a function wants text and was given something else")
    return value


def _number(value: Value) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise FilterError("$filter: a function wants a number and was given something else")
    return value


def _moment(value: Value) -> datetime:
    time = parse_time(value.partition("/")[0]) if isinstance(value, str) else value
    if not isinstance(time, Time):
        raise FilterError("$filter: a function wants a time and was given something else")
    return _EPOCH + timedelta(milliseconds=time.ms)


def _point(value: Value) -> Point:
    """A geography literal, or a property's GeoJSON point."""
    if isinstance(value, Point):
        return value
    if isinstance(value, Mapping) and value.get("type") == "Point":
        longitude, latitude = value["coordinates"][:2]
        return Point(longitude, latitude)
    raise FilterError("$filter: a function wants a point and was given something else")


def _distance(one: Value, other: Value) -> float:
    (x, y), (a, b) = _point(one), _point(other)
    return math.hypot(x - a, y - b)


def _within(point: Value, area: Value) -> bool:
    """Whether a point lies in a polygon, by the even-odd rule; on a point: whether it is that point."""
    if not isinstance(area, Polygon):
        return _point(point) == _point(area)
    x, y = _point(point)
    inside = False
    for ring in area.rings:
        for one, other in pairwise(ring):
            if (one.latitude > y) != (other.latitude > y):
                share = (y - one.latitude) / (other.latitude - one.latitude)
                inside ^= x < one.longitude + share * (other.longitude - one.longitude)
    return inside


def _meet(one: Value, other: Value) -> bool:
    return _within(other, one) if isinstance(one, Polygon) else _within(one, other)


FUNCTIONS: Mapping[str, Callable[..., Value]] = {
    "startswith": lambda text, start: _text(text).startswith(_text(start)),
    "endswith": lambda text, end: _text(text).endswith(_text(end)),
    "substringof": lambda part, text: _text(part) in _text(text),
    "contains": lambda text, part: _text(part) in _text(text),
    "indexof": lambda text, part: float(_text(text).find(_text(part))),
    "tolower": lambda text: _text(text).lower(),
    "toupper": lambda text: _text(text).upper(),
    "trim": lambda text: _text(text).strip(),
    "length": lambda text: float(len(_text(text))),
    "concat": lambda one, other: _text(one) + _text(other),
    "round": lambda number: float(math.floor(_number(number) + 0.5)),
    "floor": lambda number: float(math.floor(_number(number))),
    "ceiling": lambda number: float(math.ceil(_number(number))),
    "year": lambda time: float(_moment(time).year),
    "month": lambda time: float(_moment(time).month),
    "day": lambda time: float(_moment(time).day),
    "hour": lambda time: float(_moment(time).hour),
    "minute": lambda time: float(_moment(time).minute),
    "second": lambda time: float(_moment(time).second),
    "geo.distance": _distance,
    "geo.intersects": _meet,
    "st_distance": _distance,
    "st_within": _within,
    "st_contains": lambda area, point: _within(point, area),
    "st_intersects": _meet,
    "st_disjoint": lambda one, other: not _meet(one, other),
    "st_equals": lambda one, other: _point(one) == _point(other),
}
ARITHMETIC = ("add", "sub", "mul", "div", "mod")


def calculate(name: str, one: Value, other: Value) -> Value:
    """One of ARITHMETIC: on numbers; times and durations can be added and subtracted. Raises FilterError."""
    if isinstance(one, Time | Duration) and isinstance(other, Duration) and name in ("add", "sub"):
        change = other.length_ms if name == "add" else -other.length_ms
        return Time(one.ms + change) if isinstance(one, Time) else Duration(one.length_ms + change)
    a, b = _number(one), _number(other)
    try:
        match name:
            case "add":
                return a + b
            case "sub":
                return a - b
            case "mul":
                return a * b
            case "div":
                return a / b
            case _:
                return math.fmod(a, b)
    except (ZeroDivisionError, ValueError, OverflowError):
        return None


def compare(name: str, one: Value, other: Value) -> bool:
    """eq, ne, gt, ge, lt or le; what cannot be compared is not so."""
    if isinstance(one, Time) and isinstance(other, str):
        other = _end(other, first=name in ("lt", "le"))
    elif isinstance(other, Time) and isinstance(one, str):
        one = _end(one, first=name in ("gt", "ge"))
    if name in ("eq", "ne"):
        return (one == other) == (name == "eq")
    if isinstance(one, Time) and isinstance(other, Time):
        one, other = float(one.ms), float(other.ms)
    numbers = isinstance(one, int | float) and isinstance(other, int | float)
    if not numbers and not (isinstance(one, str) and isinstance(other, str)):
        return False
    order = (one > other) - (one < other)  # type: ignore[operator]
    return {"gt": order > 0, "ge": order >= 0, "lt": order < 0, "le": order <= 0}[name]


def _end(text: str, *, first: bool) -> Value:
    """A property's time; of an interval its start or its end, whichever the comparison is about."""
    start, slash, end = text.partition("/")
    try:
        return parse_time(start if first or not slash else end)
    except FilterError:
        return None


def apply(name: str, arguments: Sequence[Value]) -> Value:
    """One of FUNCTIONS; None for what has no result. Raises FilterError."""
    try:
        return FUNCTIONS[name](*arguments)
    except FilterError:
        raise
    except (OverflowError, ValueError):
        return None
