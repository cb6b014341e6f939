"""The system query options of a request or of one $expand: taken apart, bounded, unknown ones refused. Pure."""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from api.sensorthings.expressions import FilterError, Node, parse

PAGE, PAGE_MAX = 100, 1000
SKIP_MAX = 100_000
EXPAND_DEEPEST = 4
EXPAND_MAX = 10
_NAME = re.compile(r"@?[A-Za-z][A-Za-z0-9_.]*")


class OptionError(ValueError):
    """A query option cannot be used; one sentence."""


class Order(NamedTuple):
    """One key of $orderby."""

    path: tuple[str, ...]
    descending: bool


class Token(NamedTuple):
    """The last observation of a page: its instant, ms, and its datastream."""

    at_ms: int
    stream: str

    def __str__(self) -> str:
        return f"{self.at_ms}~{self.stream}"


class Options(NamedTuple):
    """What to show of a collection or an entity. `token` goes on with observations after that one."""

    filter: Node = True
    select: tuple[str, ...] = ()
    expand: tuple[tuple[str, "Options"], ...] = ()
    orderby: tuple[Order, ...] = ()
    top: int = PAGE
    skip: int = 0
    counted: bool = False
    token: Token | None = None


def read(given: Mapping[str, str], depth: int = 0, *, now_ms: int = 0) -> Options:
    """The options of these names and texts, with `now()` at that time; raises OptionError."""
    options = Options()
    for name, text in given.items():
        match name:
            case "$filter":
                try:
                    options = options._replace(filter=parse(text, now_ms))
                except FilterError as error:
                    raise OptionError(str(error)) from None
            case "$select":
                options = options._replace(select=tuple(_names(text, name)))
            case "$expand":
                options = options._replace(expand=tuple(_expansions(text, depth, now_ms)))
            case "$orderby":
                options = options._replace(orderby=tuple(_orders(text)))
            case "$top":
                options = options._replace(top=_number(text, name, PAGE_MAX))
            case "$skip":
                options = options._replace(skip=_number(text, name, SKIP_MAX))
            case "$skiptoken":
                options = options._replace(token=_token(text))
            case "$count":
                if text not in ("true", "false"):
                    raise OptionError("$count is true or false")
                options = options._replace(counted=text == "true")
            case "$resultFormat":
                raise OptionError("$resultFormat is not offered here: /v1/readings gives CSV and Parquet")
            case _:
                raise OptionError(
                    f"unknown option {name[:40]!r}; known: $filter, $select, $expand, $orderby, $top, $skip, $count"
                )
    return options


def _number(text: str, name: str, most: int) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 15):
        raise OptionError(f"{name} must be a whole number, not {text[:40]!r}")
    if int(text) > most and name != "$top":
        raise OptionError(f"{name} may be {most} at most: use $filter on phenomenonTime, or @iot.nextLink")
    return min(int(text), most)


def _token(text: str) -> Token:
    at, _, stream = text.partition("~")
    return Token(_number(at, "$skiptoken", 10**15), stream)


def _names(text: str, option: str) -> Iterator[str]:
    for part in text.split(","):
        name = part.strip()
        if not all(_NAME.fullmatch(piece) for piece in name.split("/")):
            raise OptionError(f"{option}: {name[:40]!r} is no name")
        yield name


def _orders(text: str) -> Iterator[Order]:
    for part in text.split(","):
        words = part.split()
        if not words or len(words) > 2 or (len(words) == 2 and words[1].lower() not in ("asc", "desc")):
            raise OptionError(f"$orderby must look like phenomenonTime desc, not {part.strip()[:40]!r}")
        (name,) = _names(words[0], "$orderby")
        yield Order(tuple(name.split("/")), len(words) == 2 and words[1].lower() == "desc")


def _expansions(text: str, depth: int, now_ms: int) -> Iterator[tuple[str, Options]]:
    """Datastreams($top=1;$expand=Observations),Locations or Datastreams/Observations."""
    if depth >= EXPAND_DEEPEST:
        raise OptionError(f"$expand is nested deeper than {EXPAND_DEEPEST}")
    parts = list(_split(text, ","))
    if len(parts) > EXPAND_MAX:
        raise OptionError(f"$expand may name {EXPAND_MAX} relations at most")
    for part in parts:
        head, bracket, rest = part.strip().partition("(")
        if bracket and not rest.endswith(")"):
            raise OptionError("$expand: a bracket is not closed")
        names = next(iter(_names(head, "$expand"))).split("/")
        inner: dict[str, str] = {}
        for option in _split(rest[:-1], ";") if bracket else ():
            key, equals, value = option.strip().partition("=")
            if not equals:
                raise OptionError(f"$expand: {option.strip()[:40]!r} is no option")
            inner[key] = value
        options = read(inner, depth + len(names), now_ms=now_ms)
        for name in reversed(names[1:]):
            options = Options(expand=((name, options),))
        if len(names) + depth > EXPAND_DEEPEST:
            raise OptionError(f"$expand is nested deeper than {EXPAND_DEEPEST}")
        yield names[0], options


def _split(text: str, mark: str) -> Iterator[str]:
    """At marks outside brackets and quotes."""
    depth, quoted, start = 0, False, 0
    for at, sign in enumerate(text):
        if sign == "'":
            quoted = not quoted
        elif quoted:
            continue
        elif sign == "(":
            depth += 1
        elif sign == ")":
            depth -= 1
        elif sign == mark and not depth:
            yield text[start:at]
            start = at + 1
    yield text[start:]
