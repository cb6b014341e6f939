"""$filter of OData as SensorThings uses it (18-088 section 9.3.3.5): parsed, and applied to an entity's values. Pure.

expression  comparison | function | not expression | expression and|or expression | ( expression )
comparison  operand eq|ne|gt|ge|lt|le operand
operand     path | 'text' | number | time | true | false | null | function(operand, …)
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

LONGEST = 4000  # characters
DEEPEST = 30

_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')"
    r"|(?P<time>\d{4}-\d{2}-\d{2}T[0-9:.]+(?:Z|[+-]\d{2}:?\d{2}))"
    r"|(?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)"
    r"|(?P<word>@?[A-Za-z_][A-Za-z0-9_.@]*(?:/@?[A-Za-z_][A-Za-z0-9_.@]*)*)"
    r"|(?P<mark>[(),]))"
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
COMPARISONS = ("eq", "ne", "gt", "ge", "lt", "le")


class FilterError(ValueError):
    """The expression cannot be understood or applied; one sentence."""


class Time(NamedTuple):
    """An instant, ms since 1970."""

    ms: int


class Path(NamedTuple):
    """A property, perhaps of a related entity: ("Datastreams", "ObservedProperty", "name")."""

    parts: tuple[str, ...]


class Call(NamedTuple):
    """A function, a comparison, or one of and, or, not."""

    name: str
    arguments: tuple["Node", ...]


Value = str | float | bool | Time | None
Node = Value | Path | Call


def parse_time(text: str) -> Time:
    """An ISO 8601 time with a zone; raises FilterError."""
    try:
        instant = datetime.fromisoformat(text)
        return Time((instant - _EPOCH) // timedelta(milliseconds=1))
    except (ValueError, OverflowError, TypeError):
        raise FilterError(f"{text[:40]!r} is no time like 2026-11-23T00:00:00Z") from None


def parse(text: str) -> Node:
    """The expression; raises FilterError."""
    if len(text) > LONGEST:
        raise FilterError(f"$filter is longer than {LONGEST} characters")
    parser = _Parser(list(_tokens(text)))
    node = parser.either(0)
    if parser.look()[0] != "end":
        raise FilterError(f"$filter: {parser.look()[1]!r} is not expected there")
    return node


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    at = 0
    while at < len(text) and text[at:].strip():
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            raise FilterError(f"$filter: {text[at : at + 20]!r} is not understood")
        yield match.lastgroup, match[match.lastgroup]
        at = match.end()


class _Parser:
    def __init__(self, tokens: Sequence[tuple[str, str]]) -> None:
        self._tokens, self._at = tokens, 0

    def look(self) -> tuple[str, str]:
        return self._tokens[self._at] if self._at < len(self._tokens) else ("end", "the end")

    def take(self) -> tuple[str, str]:
        token = self.look()
        self._at += 1
        return token

    def _is(self, *words: str) -> bool:
        kind, text = self.look()
        return kind == "word" and text in words

    def either(self, depth: int) -> Node:
        nodes = [self._both(depth)]
        while self._is("or"):
            self.take()
            nodes.append(self._both(depth))
        return nodes[0] if len(nodes) == 1 else Call("or", tuple(nodes))

    def _both(self, depth: int) -> Node:
        nodes = [self._comparison(depth)]
        while self._is("and"):
            self.take()
            nodes.append(self._comparison(depth))
        return nodes[0] if len(nodes) == 1 else Call("and", tuple(nodes))

    def _comparison(self, depth: int) -> Node:
        if depth > DEEPEST:
            raise FilterError(f"$filter is nested deeper than {DEEPEST}")
        if self._is("not"):
            self.take()
            return Call("not", (self._comparison(depth + 1),))
        left = self._operand(depth)
        if self._is(*COMPARISONS):
            _, name = self.take()
            return Call(name, (left, self._operand(depth)))
        return left

    def _operand(self, depth: int) -> Node:
        kind, text = self.take()
        match kind:
            case "text":
                return text[1:-1].replace("''", "'")
            case "number":
                return float(text)
            case "time":
                return parse_time(text)
            case "mark" if text == "(":
                node = self.either(depth + 1)
                self._expect(")")
                return node
            case "word" if text in ("true", "false", "null"):
                return {"true": True, "false": False, "null": None}[text]
            case "word" if self.look() == ("mark", "("):
                return self._call(text, depth)
            case "word":
                return Path(tuple(text.split("/")))
            case _:
                raise FilterError(f"$filter: {text!r} is not expected there")

    def _call(self, name: str, depth: int) -> Node:
        if name not in FUNCTIONS:
            raise FilterError(f"$filter: no function {name!r}; known: {', '.join(FUNCTIONS)}")
        self.take()
        arguments = [self.either(depth + 1)]
        while self.look() == ("mark", ","):
            self.take()
            arguments.append(self.either(depth + 1))
        self._expect(")")
        if len(arguments) != FUNCTIONS[name].__code__.co_argcount:
            raise FilterError(f"$filter: {name} takes another number of arguments")
        return Call(name, tuple(arguments))

    def _expect(self, mark: str) -> None:
        if self.take() != ("mark", mark):
            raise FilterError(f"$filter: {mark!r} is missing")


def _text(value: Value) -> str:
    if not isinstance(value, str):
        raise FilterError("$filter: a function wants text and was given something else")
    return value


FUNCTIONS: Mapping[str, Callable[..., Value]] = {
    "startswith": lambda text, start: _text(text).startswith(_text(start)),
    "endswith": lambda text, end: _text(text).endswith(_text(end)),
    "substringof": lambda part, text: _text(part) in _text(text),
    "contains": lambda text, part: _text(part) in _text(text),
    "tolower": lambda text: _text(text).lower(),
    "toupper": lambda text: _text(text).upper(),
    "trim": lambda text: _text(text).strip(),
    "length": lambda text: float(len(_text(text))),
    "concat": lambda one, other: _text(one) + _text(other),
}

Lookup = Callable[[tuple[str, ...]], Sequence[Value]]


def holds(node: Node, lookup: Lookup) -> bool:
    """Whether the expression holds for the entity whose values `lookup` gives; a path to many holds when one of them does."""
    return any(value is True for value in _values(node, lookup))


def _values(node: Node, lookup: Lookup) -> Sequence[Value]:
    if isinstance(node, Path):
        return lookup(node.parts)
    if not isinstance(node, Call):
        return (node,)
    if node.name == "and":
        return (all(holds(one, lookup) for one in node.arguments),)
    if node.name == "or":
        return (any(holds(one, lookup) for one in node.arguments),)
    if node.name == "not":
        return (not holds(node.arguments[0], lookup),)
    given = [_values(one, lookup) for one in node.arguments]
    if node.name in COMPARISONS:
        return (any(_compare(node.name, one, other) for one in given[0] for other in given[1]),)
    first, *rest = given
    others = [values[0] if values else None for values in rest]
    return tuple(FUNCTIONS[node.name](one, *others) for one in first)


def _compare(name: str, one: Value, other: Value) -> bool:
    if isinstance(one, Time) and isinstance(other, str):
        other = _moment(other, first=name in ("lt", "le"))
    elif isinstance(other, Time) and isinstance(one, str):
        one = _moment(one, first=name in ("gt", "ge"))
    if name in ("eq", "ne"):
        return (one == other) == (name == "eq")
    if isinstance(one, Time) and isinstance(other, Time):
        one, other = float(one.ms), float(other.ms)
    numbers = isinstance(one, int | float) and isinstance(other, int | float)
    if not numbers and not (isinstance(one, str) and isinstance(other, str)):
        return False
    order = (one > other) - (one < other)  # type: ignore[operator]
    return {"gt": order > 0, "ge": order >= 0, "lt": order < 0, "le": order <= 0}[name]


def _moment(text: str, *, first: bool) -> Value:
    """A property's time; of an interval its start or its end, whichever the comparison is about."""
    start, slash, end = text.partition("/")
    try:
        return parse_time(start if first or not slash else end)
    except FilterError:
        return None
