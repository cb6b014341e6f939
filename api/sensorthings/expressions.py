"""$filter of OData as SensorThings uses it (18-088 section 9.3.3.5): parsed, and applied to an entity's values. Pure.

expression  comparison | function | not expression | expression and|or expression | ( expression )
comparison  sum eq|ne|gt|ge|lt|le sum
sum         product add|sub product …
product     operand mul|div|mod operand …
operand     path | 'text' | number | time | duration'PT1H' | geography'POINT (107 21)' | true | false | null | now()
            | function(expression, …) | ( expression )
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from api.sensorthings.functions import (
    ARITHMETIC,
    FUNCTIONS,
    FilterError,
    Time,
    Value,
    apply,
    calculate,
    compare,
    parse_duration,
    parse_geometry,
    parse_time,
)

__all__ = ["Call", "FilterError", "Node", "Path", "Time", "Value", "conjuncts", "holds", "parse", "paths"]

LONGEST = 4000  # characters
DEEPEST = 30

_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')"
    r"|duration'(?P<duration>[^']*)'"
    r"|geography'(?P<geometry>[^']*)'"
    r"|(?P<time>\d{4}-\d{2}-\d{2}T[0-9:.]+(?:Z|[+-]\d{2}:?\d{2}))"
    r"|(?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)"
    r"|(?P<word>@?[A-Za-z_][A-Za-z0-9_.@]*(?:/@?[A-Za-z_][A-Za-z0-9_.@]*)*)"
    r"|(?P<mark>[(),]))"
)
COMPARISONS = ("eq", "ne", "gt", "ge", "lt", "le")


class Path(NamedTuple):
    """A property, perhaps of a related entity: ("Datastreams", "ObservedProperty", "name")."""

    parts: tuple[str, ...]


class Call(NamedTuple):
    """A function, a comparison, arithmetic, or one of and, or, not."""

    name: str
    arguments: tuple["Node", ...]


Node = Value | Path | Call


def parse(text: str, now_ms: int = 0) -> Node:
    """The expression, with `now()` at that time; raises FilterError."""
    if len(text) > LONGEST:
        raise FilterError(f"$filter is longer than {LONGEST} characters")
    parser = _Parser(list(_tokens(text)), now_ms)
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
    def __init__(self, tokens: Sequence[tuple[str, str]], now_ms: int) -> None:
        self._tokens, self._at, self._now = tokens, 0, Time(now_ms)

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
        left = self._sum(depth)
        if self._is(*COMPARISONS):
            _, name = self.take()
            return Call(name, (left, self._sum(depth)))
        return left

    def _sum(self, depth: int) -> Node:
        node = self._product(depth)
        while self._is("add", "sub"):
            _, name = self.take()
            node = _calculated(name, node, self._product(depth))
        return node

    def _product(self, depth: int) -> Node:
        node = self._operand(depth)
        while self._is("mul", "div", "mod"):
            _, name = self.take()
            node = _calculated(name, node, self._operand(depth))
        return node

    def _operand(self, depth: int) -> Node:
        kind, text = self.take()
        match kind:
            case "text":
                return text[1:-1].replace("''", "'")
            case "number":
                return float(text)
            case "time":
                return parse_time(text)
            case "duration":
                return parse_duration(text)
            case "geometry":
                return parse_geometry(text)
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
        if name == "now":
            self._expect("(")
            self._expect(")")
            return self._now
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


def _calculated(name: str, left: Node, right: Node) -> Node:
    """At once when both are known, so that `phenomenonTime gt now() sub duration'PT1H'` is a range of time."""
    if isinstance(left, Path | Call) or isinstance(right, Path | Call):
        return Call(name, (left, right))
    return calculate(name, left, right)


def conjuncts(node: Node) -> Sequence[Node]:
    """The expressions that all must hold."""
    if isinstance(node, Call) and node.name == "and":
        return [part for one in node.arguments for part in conjuncts(one)]
    return [] if node is True else [node]


def paths(node: Node) -> Iterator[tuple[str, ...]]:
    """Every property that an expression looks at."""
    if isinstance(node, Path):
        yield node.parts
    elif isinstance(node, Call):
        for argument in node.arguments:
            yield from paths(argument)


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
        return (any(compare(node.name, one, other) for one in given[0] for other in given[1]),)
    if node.name in ARITHMETIC:
        return tuple(calculate(node.name, one, other) for one in given[0] for other in given[1])
    first, *rest = given
    others = [values[0] if values else None for values in rest]
    return tuple(apply(node.name, (one, *others)) for one in first)
