"""Observations of one datastream: what of $filter, $orderby and $top the store can do is left to it."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from api.params import LAST_MS
from api.problems import ProblemError
from api.sensorthings.expressions import Call, Node, Path, Time, Value, holds
from api.sensorthings.model import Entity, observation, read_id
from api.sensorthings.options import SKIP_MAX, Options
from api.services import Services
from telemetry.quantities import Aggregate
from telemetry.reading import Reading

TIMES = {"phenomenonTime", "resultTime"}
LOOKED_AT = 100_000  # readings, when the filter says more than times
CHUNK = 5000


class Page(NamedTuple):
    """`following` is the token that goes on after the last of `entities`; `counted` when it was asked for."""

    entities: Sequence[Entity]
    following: int | None
    counted: int | None


class Range(NamedTuple):
    """[start_ms, end_ms) of phenomenonTime; `rest` is what else the filter asks."""

    start_ms: int
    end_ms: int
    rest: tuple[Node, ...]


def time_range(node: Node) -> Range:
    """What a filter says about the time, and what else."""
    if isinstance(node, Call) and node.name == "and":
        parts = list(map(time_range, node.arguments))
        start, end = max(part.start_ms for part in parts), min(part.end_ms for part in parts)
        return Range(start, end, tuple(rest for part in parts for rest in part.rest))
    if node is True:
        return Range(0, LAST_MS, ())
    if isinstance(node, Call) and len(node.arguments) == 2:
        left, right = node.arguments
        name = node.name
        if isinstance(right, Path) and isinstance(left, Time):
            left, right = right, left
            name = {"gt": "lt", "lt": "gt", "ge": "le", "le": "ge"}.get(name, name)
        if (
            isinstance(left, Path)
            and left.parts[0] in TIMES
            and len(left.parts) == 1
            and isinstance(right, Time)
        ):
            bounds = {
                "eq": (right.ms, right.ms + 1),
                "gt": (right.ms + 1, LAST_MS),
                "ge": (right.ms, LAST_MS),
                "lt": (0, right.ms),
                "le": (0, right.ms + 1),
            }
            if name in bounds:
                return Range(*bounds[name], ())
    return Range(0, LAST_MS, (node,))


def is_descending(options: Options) -> bool:
    """Whether $orderby wants the newest first; ProblemError for an order that is not by time."""
    for order in options.orderby[:1]:
        if order.path[0] not in TIMES | {"id", "@iot.id"}:
            raise ProblemError(400, "observations are ordered by phenomenonTime or resultTime")
        return order.descending
    return False


async def observations(
    hub: Services,
    stream: Entity,
    options: Options,
    related: Callable[[Entity, tuple[str, ...]], Sequence[Value]],
) -> Page:
    """A page of the stream's observations; `related` gives values of a path for the rest of the filter."""
    sensor, quantity = read_id(stream.id)
    wanted = time_range(options.filter)
    descending = is_descending(options)
    start_ms, end_ms = max(wanted.start_ms, 0), min(wanted.end_ms, LAST_MS)
    count = None
    if options.counted:
        if wanted.rest:
            raise ProblemError(400, "$count of observations goes with filters on phenomenonTime only")
        count = await _count(hub, sensor, quantity, start_ms, end_ms)
    if options.token is not None:
        start_ms, end_ms = (start_ms, options.token) if descending else (options.token + 1, end_ms)
    need = options.skip + options.top + 1
    if options.skip > SKIP_MAX:
        raise ProblemError(400, f"$skip of observations may be {SKIP_MAX} at most: filter by phenomenonTime")
    found: list[Entity] = []
    looked = 0
    if not wanted.rest and not options.skip and not options.token and options.top == 1 and descending:
        newest = hub.feed.latest.get((sensor, quantity))
        if newest is not None and start_ms <= newest.reading.observed_at < end_ms:
            return Page([observation(newest.reading)], newest.reading.observed_at, count)
    while start_ms < end_ms and len(found) < need:
        limit = CHUNK if wanted.rest else min(need - len(found), CHUNK)
        rows = await hub.store.readings(
            sensor, quantity, start_ms, end_ms, limit=limit, descending=descending
        )
        looked += len(rows)
        found += _matching(rows, wanted.rest, related)
        if len(rows) < limit:
            break
        if wanted.rest and looked >= LOOKED_AT and len(found) < need:
            raise ProblemError(
                400,
                f"more than {LOOKED_AT:,} readings would have to be looked at: filter by phenomenonTime, too",
            )
        start_ms, end_ms = (
            (start_ms, rows[-1].observed_at) if descending else (rows[-1].observed_at + 1, end_ms)
        )
    shown = found[options.skip : options.skip + options.top]
    more = len(found) > options.skip + options.top and bool(shown)
    return Page(shown, int(shown[-1].id.rpartition(":")[2]) if more else None, count)


def _matching(
    rows: Sequence[Reading],
    rest: Sequence[Node],
    related: Callable[[Entity, tuple[str, ...]], Sequence[Value]],
) -> list[Entity]:
    found = []
    for row in rows:
        entity = observation(row)
        if all(holds(node, lambda parts, entity=entity: related(entity, parts)) for node in rest):  # type: ignore[misc]
            found.append(entity)
    return found


async def _count(hub: Services, sensor: str, quantity: str, start_ms: int, end_ms: int) -> int:
    if start_ms >= end_ms:
        return 0
    end_ms = min(end_ms, hub.clock() + 366 * 86_400_000)
    window_ms = max(1, end_ms - start_ms)
    buckets = await hub.store.aggregate(
        [sensor],
        quantity,
        start_ms,
        end_ms,
        window_ms=window_ms,
        function=Aggregate.COUNT,
        offset_ms=start_ms % window_ms,
    )
    return sum(bucket.count for bucket in buckets)
