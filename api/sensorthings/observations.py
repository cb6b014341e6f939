"""Observations of one or several datastreams: what of $filter, $orderby and $top the store can do is left to it."""

import heapq
from collections.abc import Callable, Sequence
from typing import NamedTuple

from api.problems import ProblemError
from api.sensorthings.expressions import Call, Node, Path, Time, Value, conjuncts, holds
from api.sensorthings.model import Entity, observation, read_id
from api.sensorthings.options import SKIP_MAX, Options, Token
from api.services import Services
from telemetry.quantities import Aggregate
from telemetry.reading import Reading
from telemetry.times import DAY_MS, LAST_MS

TIMES = {"phenomenonTime", "resultTime"}
IDS = {"id", "@iot.id"}
LOOKED_AT = 100_000  # readings, when the filter says more than times, or the order is another one
STREAMS_MAX = 200  # put in one order of time
CHUNK = 5000
YEAR_MS = 366 * DAY_MS

Related = Callable[[Entity, tuple[str, ...]], Sequence[Value]]


class Page(NamedTuple):
    """`following` is the option that goes on after the last of `entities`; `counted` when it was asked for."""

    entities: Sequence[Entity]
    following: dict[str, str] | None
    counted: int | None


class Range(NamedTuple):
    """[start_ms, end_ms) of phenomenonTime; `rest` is what else the filter asks."""

    start_ms: int
    end_ms: int
    rest: tuple[Node, ...]


def time_range(node: Node) -> Range:
    """What a filter says about the time, and what else."""
    start, end, rest = 0, LAST_MS, []
    for part in conjuncts(node):
        bounds = _bounds(part)
        if bounds is None:
            rest.append(part)
        else:
            start, end = max(start, bounds[0]), min(end, bounds[1])
    return Range(start, end, tuple(rest))


def _bounds(node: Node) -> tuple[int, int] | None:
    if not isinstance(node, Call) or len(node.arguments) != 2:
        return None
    name, (left, right) = node.name, node.arguments
    if isinstance(right, Path) and isinstance(left, Time):
        left, right = right, left
        name = {"gt": "lt", "lt": "gt", "ge": "le", "le": "ge"}.get(name, name)
    if not (
        isinstance(left, Path) and len(left.parts) == 1 and left.parts[0] in TIMES and isinstance(right, Time)
    ):
        return None
    return {
        "eq": (right.ms, right.ms + 1),
        "gt": (right.ms + 1, LAST_MS),
        "ge": (right.ms, LAST_MS),
        "lt": (0, right.ms),
        "le": (0, right.ms + 1),
    }.get(name)


class Observations:
    """One question about the observations of `streams` (ids, ascending). `related` gives the values of a path for the rest of a
    filter, `asks` is told of every question to the store and may raise ProblemError."""

    def __init__(
        self,
        hub: Services,
        streams: Sequence[str],
        options: Options,
        related: Related,
        asks: Callable[[], None],
    ) -> None:
        self._hub, self._streams, self._options = hub, streams, options
        self._related, self._asks = related, asks
        wanted = time_range(options.filter)
        self._start, self._end = max(wanted.start_ms, 0), min(wanted.end_ms, LAST_MS)
        self._rest = wanted.rest
        self._looked = 0
        if options.skip > SKIP_MAX:
            raise ProblemError(
                400, f"$skip of observations may be {SKIP_MAX} at most: filter by phenomenonTime"
            )

    async def page(self) -> Page:
        """The page that was asked for."""
        options = self._options
        path = options.orderby[0].path if options.orderby else ("id",)
        descending = options.orderby[0].descending if options.orderby else False
        if path == ("result",) or (options.counted and self._rest):
            return await self._sorted()
        count = await self._count() if options.counted else None
        newest = self._newest() if descending and path[0] in TIMES and options.top == 1 else None
        if newest is not None:
            return Page([newest], _after(newest), count)
        if path[0] in TIMES and len(path) == 1 and len(self._streams) > 1:
            found = await self._by_time(descending)
        elif path[0] in IDS | TIMES and len(path) == 1:
            found = await self._by_stream(descending)
        else:
            raise ProblemError(400, "observations are ordered by id, phenomenonTime, resultTime or result")
        shown = found[options.skip : options.skip + options.top]
        if len(found) <= options.skip + options.top or not shown:
            return Page(shown, None, count)
        return Page(shown, _after(shown[-1]), count)

    def _newest(self) -> Entity | None:
        """What is asked most, at hand: the newest of all."""
        if self._rest or self._options.skip or self._options.token is not None:
            return None
        latest = [self._hub.feed.latest.get(read_id(stream)) for stream in self._streams]
        if not latest or any(one is None for one in latest):
            return None
        newest = max((one.reading for one in latest if one is not None), key=lambda one: one.observed_at)
        return observation(newest) if self._start <= newest.observed_at < self._end else None

    @property
    def _need(self) -> int:
        return self._options.skip + self._options.top + 1

    async def _by_stream(self, descending: bool) -> list[Entity]:
        """One datastream after the other, each in the order of time."""
        found: list[Entity] = []
        token = self._options.token
        for stream in reversed(self._streams) if descending else self._streams:
            start, end = self._start, self._end
            if token is not None and token.stream and stream != token.stream:
                if (stream > token.stream) == descending:
                    continue  # it was on an earlier page
            elif token is not None:
                start, end = (
                    (start, min(end, token.at_ms)) if descending else (max(start, token.at_ms + 1), end)
                )
            found += await self._read(stream, start, end, self._need - len(found), descending)
            if len(found) >= self._need:
                break
        return found

    async def _by_time(self, descending: bool) -> list[Entity]:
        """All of them in one order of time, those of one instant by datastream."""
        if len(self._streams) > STREAMS_MAX:
            raise ProblemError(
                400,
                f"the order of time over {len(self._streams)} datastreams: name {STREAMS_MAX} of them at most, as by"
                " $filter=Datastream/Thing/id eq '…' and Datastream/ObservedProperty/name eq '…'",
            )
        token, lists = self._options.token, []
        for stream in self._streams:
            start, end = self._start, self._end
            if token is not None:
                later = stream > token.stream  # of the same instant, it is still to come
                if descending:
                    end = min(end, token.at_ms + later)
                else:
                    start = max(start, token.at_ms + (not later))
            lists.append(await self._read(stream, start, end, self._need, descending))

        def order(entity: Entity) -> tuple[int, str]:
            stream, _, at = entity.id.rpartition(":")
            return (-int(at) if descending else int(at)), stream

        return list(heapq.merge(*lists, key=order))[: self._need]

    async def _sorted(self) -> Page:
        """Every matching one, at hand: for an order by result, and for a count of what only a look can tell."""
        options = self._options
        everything = []
        for stream in self._streams:
            everything += await self._read(stream, self._start, self._end, LOOKED_AT + 1, False)
            if len(everything) > LOOKED_AT:
                raise _too_many()
        for order in reversed(options.orderby):
            if len(order.path) > 1 or order.path[0] not in TIMES | IDS | {"result"}:
                raise ProblemError(
                    400, "observations are ordered by id, phenomenonTime, resultTime or result"
                )
            name = order.path[0]
            everything.sort(
                key=lambda entity, name=name: entity.id if name in IDS else entity.values[name],  # type: ignore[misc]
                reverse=order.descending,
            )
        end = options.skip + options.top
        following = {"$skip": str(end)} if len(everything) > end and options.top else None
        return Page(everything[options.skip : end], following, len(everything) if options.counted else None)

    async def _read(self, stream: str, start: int, end: int, need: int, descending: bool) -> list[Entity]:
        """The first `need` that match, of one datastream."""
        sensor, quantity = read_id(stream)
        found: list[Entity] = []
        latest = self._hub.feed.latest.get((sensor, quantity))
        if latest is not None and start > latest.reading.observed_at:
            return []
        while start < end and len(found) < need:
            limit = CHUNK if self._rest else min(need - len(found), CHUNK)
            self._asks()
            rows = await self._hub.store.readings(
                sensor, quantity, start, end, limit=limit, descending=descending
            )
            self._looked += len(rows)
            found += self._matching(rows)
            if len(rows) < limit:
                break
            if self._looked >= LOOKED_AT and len(found) < need:
                raise _too_many()
            start, end = (start, rows[-1].observed_at) if descending else (rows[-1].observed_at + 1, end)
        return found[:need]

    def _matching(self, rows: Sequence[Reading]) -> list[Entity]:
        entities = map(observation, rows)
        if not self._rest:
            return list(entities)
        return [
            entity
            for entity in entities
            if all(
                holds(node, lambda parts, entity=entity: self._related(entity, parts))  # type: ignore[misc]
                for node in self._rest
            )
        ]

    async def _count(self) -> int:
        """How many there are in the range of time."""
        end = min(self._end, self._hub.clock() + YEAR_MS)
        if self._start >= end:
            return 0
        sensors: dict[str, list[str]] = {}
        for stream in self._streams:
            sensor, quantity = read_id(stream)
            sensors.setdefault(quantity, []).append(sensor)
        total, window_ms = 0, end - self._start
        for quantity, names in sensors.items():
            for first in range(0, len(names), STREAMS_MAX):
                self._asks()
                buckets = await self._hub.store.aggregate(
                    names[first : first + STREAMS_MAX],
                    quantity,
                    self._start,
                    end,
                    window_ms=window_ms,
                    function=Aggregate.COUNT,
                    offset_ms=self._start % window_ms,
                )
                total += sum(bucket.count for bucket in buckets)
        return total


def _after(entity: Entity) -> dict[str, str]:
    stream, _, at = entity.id.rpartition(":")
    return {"$skiptoken": str(Token(int(at), stream))}


def _too_many() -> ProblemError:
    return ProblemError(
        400, f"more than {LOOKED_AT:,} readings would have to be looked at: filter by phenomenonTime, too"
    )
