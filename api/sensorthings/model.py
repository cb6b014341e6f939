"""The entities of SensorThings as the inventory has them: no I/O but what the services already hold in memory.

A Thing is a site with its Location and FeatureOfInterest, a Sensor a device, a Datastream one quantity of it, an
ObservedProperty a quantity of the catalogue. Ids are the city's own names: Things('bai-chay'), Datastreams('bai-chay-pm-1:pm25').
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from api.services import Services
from storage.inventory import SensorRow
from telemetry.families import family
from telemetry.inventory import Site
from telemetry.quantities import QUANTITIES, Quantity
from telemetry.reading import Reading
from telemetry.times import rfc3339

MEASUREMENT = "http://www.opengis.net/def/observationType/OGC-OM/2.0/OM_Measurement"
GEOJSON = "application/geo+json"

# Relations of each kind: name to (kind, whether there are many).
RELATIONS: Mapping[str, Mapping[str, tuple[str, bool]]] = {
    "Things": {"Locations": ("Locations", True), "Datastreams": ("Datastreams", True)},
    "Locations": {"Things": ("Things", True)},
    "Datastreams": {
        "Thing": ("Things", False),
        "Sensor": ("Sensors", False),
        "ObservedProperty": ("ObservedProperties", False),
        "Observations": ("Observations", True),
    },
    "Sensors": {"Datastreams": ("Datastreams", True)},
    "ObservedProperties": {"Datastreams": ("Datastreams", True)},
    "Observations": {
        "Datastream": ("Datastreams", False),
        "FeatureOfInterest": ("FeaturesOfInterest", False),
    },
    "FeaturesOfInterest": {"Observations": ("Observations", True)},
}


class Entity(NamedTuple):
    """One entity; `values` are its properties without links."""

    kind: str
    id: str
    values: Mapping[str, Any]


def datastream_id(sensor: str, quantity: str) -> str:
    """The id of a series."""
    return f"{sensor}:{quantity}"


def read_id(text: str) -> tuple[str, str]:
    """(sensor, quantity) of a datastream's id; ("", "") for something else."""
    sensor, colon, quantity = text.partition(":")
    return (sensor, quantity) if colon else ("", "")


def observation(reading: Reading) -> Entity:
    """A reading."""
    time = rfc3339(reading.observed_at)
    stream = datastream_id(reading.sensor, reading.quantity)
    values = {
        "phenomenonTime": time,
        "resultTime": time,
        "result": reading.value,
        "parameters": {"flags": reading.flags},
    }
    return Entity("Observations", f"{stream}:{reading.observed_at}", values)


class Model:
    """What whoever asks may see."""

    def __init__(self, hub: Services) -> None:
        self._hub = hub

    def all(self, kind: str) -> Iterator[Entity]:
        """Every entity of a kind (but Observations), by id."""
        match kind:
            case "Things" | "Locations" | "FeaturesOfInterest":
                yield from (_OF_SITE[kind](site) for site in self._hub.sites())
            case "Sensors":
                yield from map(_sensor, self._hub.sensors())
            case "Datastreams":
                for row in self._hub.sensors():
                    yield from self._datastreams(row)
            case "ObservedProperties":
                yield from map(_property, QUANTITIES.values())

    def one(self, kind: str, entity_id: str) -> Entity | None:
        """The entity with that id."""
        match kind:
            case "Things" | "Locations" | "FeaturesOfInterest":
                sites = (site for site in self._hub.sites() if site.id == entity_id)
                return next(map(_OF_SITE[kind], sites), None)
            case "Sensors":
                row = self._row(entity_id)
                return _sensor(row) if row else None
            case "Datastreams":
                sensor, _ = read_id(entity_id)
                row = self._row(sensor)
                return next((s for s in self._datastreams(row) if s.id == entity_id), None) if row else None
            case "ObservedProperties":
                return _property(QUANTITIES[entity_id]) if entity_id in QUANTITIES else None
            case _:
                return None

    def related(self, entity: Entity, relation: str) -> Sequence[Entity]:
        """The related entities, but Observations; KeyError for a relation this kind has not."""
        kind, _ = RELATIONS[entity.kind][relation]
        match entity.kind, relation:
            case ("Things", "Datastreams"):
                rows = [row for row in self._hub.sensors() if row.site == entity.id]
                return [stream for row in rows for stream in self._datastreams(row)]
            case ("Things" | "Locations", _):
                found = self.one(kind, entity.id)
            case ("Sensors", _):
                row = self._row(entity.id)
                return list(self._datastreams(row)) if row else []
            case ("ObservedProperties", _):
                rows = [row for row in self._hub.sensors() if entity.id in row.quantities]
                return [s for row in rows for s in self._datastreams(row) if read_id(s.id)[1] == entity.id]
            case ("Datastreams", _):
                found = self.one(kind, self._of_stream(entity.id)[relation])
            case ("Observations", "Datastream"):
                found = self.one(kind, entity.id.rpartition(":")[0])
            case ("Observations", _):
                found = self.one(kind, self._of_stream(entity.id.rpartition(":")[0])["Thing"])
            case _:
                found = None
        return [found] if found is not None else []

    def _of_stream(self, stream: str) -> dict[str, str]:
        sensor, quantity = read_id(stream)
        row = self._row(sensor)
        return {"Thing": row.site if row else "", "Sensor": sensor, "ObservedProperty": quantity}

    def _row(self, sensor: str) -> SensorRow | None:
        return self._hub.find_sensor(sensor)

    def _datastreams(self, row: SensorRow) -> Iterator[Entity]:
        for name in row.quantities:
            quantity = QUANTITIES.get(name)
            if quantity is not None:
                latest = self._hub.feed.latest.get((row.id, name))
                newest = latest.reading.observed_at if latest is not None else None
                yield _datastream(row, quantity, newest)


def _thing(site: Site) -> Entity:
    properties = {"kind": site.kind}
    text = f"A place of the city where sensors stand{f' ({site.kind})' if site.kind else ''}"
    return Entity(
        "Things", site.id, {"name": site.name or site.id, "description": text, "properties": properties}
    )


def _point(site: Site) -> dict[str, Any]:
    return {"type": "Point", "coordinates": [site.longitude, site.latitude]}


def _location(site: Site) -> Entity:
    values = {
        "name": site.name or site.id,
        "description": "WGS 84",
        "encodingType": GEOJSON,
        "location": _point(site),
    }
    return Entity("Locations", site.id, values)


def _feature(site: Site) -> Entity:
    values = {
        "name": site.name or site.id,
        "description": "The surroundings of the place",
        "encodingType": GEOJSON,
        "feature": _point(site),
    }
    return Entity("FeaturesOfInterest", site.id, values)


_OF_SITE: Mapping[str, Callable[[Site], Entity]] = {
    "Things": _thing,
    "Locations": _location,
    "FeaturesOfInterest": _feature,
}


def _sensor(row: SensorRow) -> Entity:
    values = {
        "name": row.name or row.id,
        "description": f"{row.protocol} on gateway {row.gateway}",
        "encodingType": "text/html",
        "metadata": row.protocol,
        "properties": {"gateway": row.gateway, "period_s": row.period_s},
    }
    return Entity("Sensors", row.id, values)


def _property(quantity: Quantity) -> Entity:
    values = {
        "name": quantity.name,
        "definition": f"urn:halong:quantity:{quantity.name}",
        "description": quantity.title,
        "properties": {"title_vi": quantity.title_vi, "kind": quantity.kind, "family": family(quantity.name)},
    }
    return Entity("ObservedProperties", quantity.name, values)


def _datastream(row: SensorRow, quantity: Quantity, newest_ms: int | None) -> Entity:
    values: dict[str, Any] = {
        "name": f"{row.name or row.id}: {quantity.title}",
        "description": f"{quantity.title} by {row.id}",
        "observationType": MEASUREMENT,
        "unitOfMeasurement": {
            "name": quantity.unit,
            "symbol": quantity.unit,
            "definition": "https://www.rfc-editor.org/rfc/rfc8428#section-12.1",
        },
        "properties": {"sensor": row.id, "site": row.site, "quantity": quantity.name},
    }
    if newest_ms is not None:
        values["phenomenonTime"] = f"{rfc3339(min(row.since_ms, newest_ms))}/{rfc3339(newest_ms)}"
    return Entity("Datastreams", datastream_id(row.id, quantity.name), values)
