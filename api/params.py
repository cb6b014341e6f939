"""Query parameters: times, durations, and the refusal of names that no one asked for."""

import inspect
import re
from collections.abc import Callable, Collection, Iterable
from enum import StrEnum
from functools import cache
from typing import Annotated, TypeVar

from fastapi import Request
from pydantic import Field

from api.problems import ProblemError
from telemetry.names import did_you_mean
from telemetry.times import LAST_MS, read

LONGEST_DAYS = 366
Name = Annotated[str, Field(max_length=64)]  # one of many in a request
Member = TypeVar("Member", bound=StrEnum)
_DURATION = re.compile(
    r"P(?:(?P<d>[0-9]{1,9})D)?(?:T(?:(?P<h>[0-9]{1,9})H)?(?:(?P<m>[0-9]{1,9})M)?(?:(?P<s>[0-9]{1,9})S)?)?"
)


async def strict_query(request: Request) -> None:
    """A dependency: an unknown query parameter is a 400 that names the nearest known one."""
    known = _parameters(request.scope["route"].endpoint)
    check_names(request.query_params, [one for one in known if one not in request.path_params])


def check_names(given: Iterable[str], known: Collection[str]) -> None:
    """A 400 for the first that is not known."""
    for name in given:
        if name not in known:
            raise ProblemError(400, f"unknown parameter {name[:40]!r}, {did_you_mean(name[:40], known)}")


@cache
def _parameters(endpoint: Callable[..., object]) -> tuple[str, ...]:
    return tuple(n for n, p in inspect.signature(endpoint).parameters.items() if p.annotation is not Request)


def one_of(known: type[Member], text: str, name: str) -> Member:
    """The member of that value; a 400 that names the nearest."""
    try:
        return known(text)
    except ValueError:
        raise ProblemError(400, f"unknown {name} {text!r}, {did_you_mean(text, list(known))}") from None


def time_ms(text: str, name: str) -> int:
    """RFC 3339 with a zone, or ms since 1970, as ms since 1970."""
    if re.fullmatch(r"[0-9]{1,15}", text) and int(text) <= LAST_MS:
        return int(text)
    try:
        return read(text.replace(" ", "+"))  # a '+' that nobody has escaped arrives as a blank
    except ValueError as error:
        raise ProblemError(400, f"{name} {error}") from None


def span(start: str | None, end: str | None, *, now_ms: int, default_ms: int) -> tuple[int, int]:
    """The range [start, end) in ms; without an end it is now, without a start `default_ms` before the end."""
    end_ms = time_ms(end, "end") if end is not None else now_ms + 1
    start_ms = time_ms(start, "start") if start is not None else end_ms - default_ms
    if start_ms >= end_ms:
        raise ProblemError(400, "start must be before end")
    return start_ms, end_ms


def duration_ms(text: str, name: str) -> int:
    """An ISO 8601 duration of days, hours, minutes and seconds, in ms."""
    match = _DURATION.fullmatch(text)
    parts = {unit: int(count) for unit, count in match.groupdict().items() if count} if match else {}
    total = sum(
        parts[unit] * factor
        for unit, factor in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))
        if unit in parts
    )
    if not total:
        raise ProblemError(400, f"{name} {text!r} is no duration like PT5M, PT1H or P1D")
    if total > LONGEST_DAYS * 86_400:
        raise ProblemError(400, f"{name} {text!r} is longer than {LONGEST_DAYS} days")
    return total * 1000
