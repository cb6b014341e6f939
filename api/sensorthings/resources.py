"""A SensorThings address resolved and answered: entities, collections, relations, single properties."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from api.problems import ProblemError
from api.sensorthings.expressions import (
    Call,
    FilterError,
    Node,
    Path,
    Value,
    conjuncts,
    holds,
    paths,
)
from api.sensorthings.model import RELATIONS, Entity, Model, observation, read_id
from api.sensorthings.observations import Observations, Page
from api.sensorthings.options import Options
from api.services import Services
from telemetry.names import did_you_mean

_SEGMENT = re.compile(r"(?P<name>[A-Za-z]+)(?:\((?:'(?P<text>(?:[^']|'')*)'|(?P<number>-?[0-9]+))\))?")
EXPANDED_MAX = 2000  # entities that one answer asks the store for


class Target(NamedTuple):
    """What an address names: an entity, else a collection of a kind (of `parent` by `relation`, or all)."""

    kind: str
    entity: Entity | None = None
    parent: Entity | None = None
    relation: str = ""
    property: str = ""
    raw: bool = False
    references: bool = False


class Resources:
    """Answers one request. `base` is the service's own address."""

    def __init__(self, hub: Services, base: str) -> None:
        self._hub, self._base, self._model = hub, base, Model(hub)
        self._asked = 0

    async def resolve(self, path: str) -> Target:
        """What the address names; a 404 when there is nothing."""
        target: Target | None = None
        for segment in path.strip("/").split("/"):
            target = await self._step(target, segment)
        if target is None:
            raise ProblemError(404, "an address is missing")
        return target

    async def _step(self, before: Target | None, segment: str) -> Target:
        if segment == "$value" and before is not None and before.property:
            return before._replace(raw=True)
        if segment == "$ref" and before is not None and not before.property and not before.references:
            return before._replace(references=True)
        match = _SEGMENT.fullmatch(segment)
        if match is None:
            raise ProblemError(404, f"{segment[:60]!r} is no SensorThings address like Things('bai-chay')")
        name, entity_id = match["name"], match["number"] or (match["text"] or "").replace("''", "'")
        has_id = "(" in segment
        if before is None:
            if name not in RELATIONS:
                raise ProblemError(404, f"no {name[:40]!r} here, {did_you_mean(name, RELATIONS)}")
            return await self._member(Target(name), entity_id) if has_id else Target(name)
        if before.entity is None or before.property or before.references:
            raise ProblemError(404, f"{segment[:60]!r} does not follow there")
        relations = RELATIONS[before.entity.kind]
        if name in relations:
            kind, many = relations[name]
            if many:
                target = Target(kind, parent=before.entity, relation=name)
                return await self._member(target, entity_id) if has_id else target
            found = self._model.related(before.entity, name)
            if not found or has_id:
                raise ProblemError(404, f"there is no {segment[:60]}")
            return Target(kind, entity=found[0])
        if name in before.entity.values and not has_id:
            return before._replace(property=name)
        known = [*relations, *before.entity.values]
        raise ProblemError(404, f"{before.entity.kind} have no {name[:40]!r}, {did_you_mean(name, known)}")

    async def _member(self, target: Target, entity_id: str) -> Target:
        if target.kind == "Observations":
            found = await self._observation(entity_id)
        else:
            found = self._model.one(target.kind, entity_id)
        inside = target.parent is None or (
            found is not None and self._is_inside(found, target.parent, target.relation)
        )
        if found is None or not inside:
            raise ProblemError(404, f"no {target.kind}({entity_id[:60]!r})")
        return Target(target.kind, entity=found)

    def _is_inside(self, found: Entity, parent: Entity, relation: str) -> bool:
        if found.kind != "Observations":
            return found.id in {one.id for one in self._model.related(parent, relation)}
        back = {"Datastreams": "Datastream", "FeaturesOfInterest": "FeatureOfInterest"}[parent.kind]
        return parent.id in {one.id for one in self._model.related(found, back)}

    async def _observation(self, entity_id: str) -> Entity | None:
        stream, _, time = entity_id.rpartition(":")
        if self._model.one("Datastreams", stream) is None or not (time.isdecimal() and len(time) < 15):
            return None
        rows = await self._hub.store.readings(*read_id(stream), int(time), int(time) + 1, limit=1)
        return observation(rows[0]) if rows else None

    async def answer(self, target: Target, options: Options, address: str, given: Mapping[str, str]) -> Any:
        """The content of the answer."""
        if target.entity is not None and target.property:
            value = target.entity.values[target.property]
            return value if target.raw else {target.property: value}
        if target.references:
            options = options._replace(expand=())
        if target.entity is not None:
            return (
                self._reference(target.entity)
                if target.references
                else await self.show(target.entity, options)
            )
        shown, following, count = await self._collection(target, options)
        content: dict[str, Any] = {}
        if count is not None:
            content["@iot.count"] = count
        if following is not None:
            query = {**{k: v for k, v in given.items() if k not in ("$skip", "$skiptoken")}, **following}
            content["@iot.nextLink"] = f"{self._base}/{address}?{urlencode(query, safe='$', quote_via=quote)}"
        content["value"] = [
            self._reference(entity) if target.references else await self.show(entity, options)
            for entity in shown
        ]
        return content

    async def _collection(self, target: Target, options: Options) -> Page:
        if target.kind == "Observations":
            streams, rest = self._streams(target.parent, options.filter)
            question = Observations(
                self._hub, streams, options._replace(filter=rest), self.values, self._count_question
            )
            return await question.page()
        every: Iterable[Entity] = (
            self._model.all(target.kind)
            if target.parent is None
            else self._model.related(target.parent, target.relation)
        )
        found = [entity for entity in every if options.filter is True or self._holds(options.filter, entity)]
        for order in reversed(options.orderby):
            found.sort(key=lambda entity: _key(self.values(entity, order.path)), reverse=order.descending)
        end = options.skip + options.top
        following = {"$skip": str(end)} if len(found) > end and options.top else None
        return Page(found[options.skip : end], following, len(found) if options.counted else None)

    def _holds(self, node: Node, entity: Entity) -> bool:
        try:
            return holds(node, lambda parts: self.values(entity, parts))
        except FilterError as error:
            raise ProblemError(400, str(error)) from None

    def _streams(self, parent: Entity | None, node: Node) -> tuple[list[str], Node]:
        """The datastreams whose observations are asked for, ascending, and what of the filter is left to look at in each."""
        mine: list[Node] = []
        rest: list[Node] = []
        for part in conjuncts(node):
            names = {path[0] for path in paths(part)}
            (mine if names and names <= RELATIONS["Observations"].keys() else rest).append(part)
        if parent is None or parent.kind != "Datastreams":
            every = self._named_streams(mine)
            if parent is not None:
                every = [one for one in every if one.values["properties"]["site"] == parent.id]
        else:
            every = [parent]

        found = sorted(
            stream.id
            for stream in every
            if all(self._holds(part, Entity("Observations", f"{stream.id}:0", {})) for part in mine)
        )
        return found, Call("and", tuple(rest)) if rest else True

    def _named_streams(self, parts: Sequence[Node]) -> Iterable[Entity]:
        """The one that an expression names, else all."""
        names = (Path(("Datastream", "id")), Path(("Datastream", "@iot.id")))
        for part in parts:
            if isinstance(part, Call) and part.name == "eq" and part.arguments[0] in names:
                stream = part.arguments[1]
                found = self._model.one("Datastreams", stream) if isinstance(stream, str) else None
                return [found] if found is not None else []
        return self._model.all("Datastreams")

    def values(self, entity: Entity, parts: tuple[str, ...]) -> Sequence[Value]:
        """The values at a path; a 400 for a path that leads nowhere."""
        name, rest = parts[0], parts[1:]
        if name in ("id", "@iot.id") and not rest:
            return (entity.id,)
        relation = RELATIONS[entity.kind].get(name)
        if relation is not None and relation[0] != "Observations" and rest:
            return [value for one in self._model.related(entity, name) for value in self.values(one, rest)]
        if name in entity.values:
            value: Any = entity.values[name]
            for part in rest:
                value = value.get(part) if isinstance(value, dict) else None
            return (float(value) if isinstance(value, int) and not isinstance(value, bool) else value,)
        if entity.kind == "Datastreams" and name == "phenomenonTime":
            return ()
        known = [*entity.values, *RELATIONS[entity.kind], "id"]
        raise ProblemError(
            400, f"{entity.kind} have no {'/'.join(parts)[:60]!r}, {did_you_mean(name, known)}"
        )

    def _link(self, entity: Entity) -> str:
        return f"{self._base}/{entity.kind}('{quote(entity.id, safe=':')}')"

    def _reference(self, entity: Entity) -> dict[str, str]:
        return {"@iot.selfLink": self._link(entity)}

    async def show(self, entity: Entity, options: Options) -> dict[str, Any]:
        """An entity with its links, selected and expanded."""
        link = self._link(entity)
        relations = RELATIONS[entity.kind]
        content: dict[str, Any] = {"@iot.id": entity.id, "@iot.selfLink": link, **entity.values}
        if options.select:
            known = {"id", "@iot.id", *entity.values, *relations, "phenomenonTime"}
            for name in options.select:
                if name.partition("/")[0] not in known:
                    raise ProblemError(
                        400, f"{entity.kind} have no {name[:40]!r}, {did_you_mean(name, known)}"
                    )
            chosen = {name.partition("/")[0] for name in options.select}
            kept = {"@iot.id"} if chosen & {"id", "@iot.id"} else set()
            content = {name: value for name, value in content.items() if name in chosen | kept}
            content.setdefault("@iot.id", entity.id)  # clients find their way by it
        expanded = dict(options.expand)
        for name in relations:
            if name not in expanded and (not options.select or name in options.select):
                content[f"{name}@iot.navigationLink"] = f"{link}/{name}"
        for name, inner in expanded.items():
            content |= await self._expanded(entity, name, inner, f"{link}/{name}")
        return content

    async def _expanded(self, entity: Entity, name: str, inner: Options, link: str) -> dict[str, Any]:
        if name not in RELATIONS[entity.kind]:
            relations = RELATIONS[entity.kind]
            raise ProblemError(
                400, f"{entity.kind} have no relation {name[:40]!r}, {did_you_mean(name, relations)}"
            )
        kind, many = RELATIONS[entity.kind][name]
        if not many:
            related = self._model.related(entity, name)
            return {name: await self.show(related[0], inner) if related else None}
        target = Target(kind, parent=entity, relation=name)
        shown, following, count = await self._collection(target, inner)
        content: dict[str, Any] = {name: [await self.show(one, inner) for one in shown]}
        if count is not None:
            content[f"{name}@iot.count"] = count
        if following is not None:
            content[f"{name}@iot.nextLink"] = (
                f"{link}?{urlencode({'$top': inner.top, **following}, safe='$')}"
            )
        return content

    def _count_question(self) -> None:
        self._asked += 1
        if self._asked > EXPANDED_MAX:
            raise ProblemError(
                400, f"this expands the observations of more than {EXPANDED_MAX} datastreams: use $top"
            )


def _key(values: Sequence[Value]) -> tuple[int, float, str]:
    """Numbers before texts before nothing."""
    value = values[0] if values else None
    if isinstance(value, bool | int | float):
        return 0, float(value), ""
    return (1, 0.0, value) if isinstance(value, str) else (2, 0.0, "")
