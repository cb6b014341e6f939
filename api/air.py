"""Air quality of places: which sensors stand for a place, their hourly means, the indices made of them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from storage.inventory import SensorRow
from storage.store import Store
from telemetry import aqi, us_aqi
from telemetry.aqi import NOWCAST_HOURS, Index, Pollutant
from telemetry.quantities import Aggregate
from telemetry.times import HOUR_MS, rfc3339

QUANTITIES = ("pm25", "pm10", "o3", "no2", "so2", "co")
GASES = {
    Pollutant.O3_1H: "o3",
    Pollutant.NO2: "no2",
    Pollutant.SO2: "so2",
    Pollutant.CO: "co",
}
NO_DUST = "no PM2.5 and no PM10"

Hours = Mapping[str, Sequence[float | None]]  # quantity to hourly means in time order


class Place(NamedTuple):
    """What an index is asked for: a sensor, a site or the city, with the sensors that stand for it."""

    kind: str
    id: str
    name: str
    sensors: tuple[SensorRow, ...]


async def hourly_means(
    store: Store, places: Sequence[Place], start_ms: int, hours: int
) -> dict[str, dict[str, list[float | None]]]:
    """Place to quantity to the means of `hours` hours from `start_ms` on; a place's is the mean of its sensors' means."""
    means: dict[str, dict[str, list[float | None]]] = {place.id: {} for place in places}
    for quantity in QUANTITIES:
        found: dict[str, dict[int, float]] = {}
        sensors = sorted({row.id for p in places for row in p.sensors if quantity in row.quantities})
        if not sensors:
            continue
        for bucket in await store.aggregate(
            sensors,
            quantity,
            start_ms,
            start_ms + hours * HOUR_MS,
            window_ms=HOUR_MS,
            function=Aggregate.MEAN,
            offset_ms=start_ms % HOUR_MS,
        ):
            number = (bucket.start_ms - start_ms) // HOUR_MS
            found.setdefault(bucket.sensor, {})[number] = max(bucket.value, 0.0)
        for place in places:
            series = [found[row.id] for row in place.sensors if row.id in found]
            if series:
                means[place.id][quantity] = [_mean(one.get(hour) for one in series) for hour in range(hours)]
    return means


def _mean(values: Iterable[float | None]) -> float | None:
    present = [value for value in values if value is not None]
    return sum(present) / len(present) if present else None


def of_hour(means: Hours, last: int) -> dict[str, Any]:
    """The index of hour number `last` of `means`, and what it stands on."""
    dust = {quantity: _newest_first(means.get(quantity, ()), last) for quantity in ("pm25", "pm10")}
    gases = {pollutant: _at(means.get(quantity, ()), last) for pollutant, quantity in GASES.items()}
    found = aqi.hourly(pm25=dust["pm25"], pm10=dust["pm10"], gases=gases)
    stands_on = {**found.nowcast, **{gas: mean for gas, mean in gases.items() if mean is not None}}
    answer = describe(found, stands_on)
    answer["hours"] = {
        quantity: [age for age, mean in enumerate(hours) if mean is not None]
        for quantity, hours in dust.items()
        if any(mean is not None for mean in hours)
    }
    answer["complete"] = found.value is not None and max(map(len, answer["hours"].values())) == NOWCAST_HOURS
    if found.value is None:
        answer["reason"] = (
            "two of the newest three hourly means of PM2.5 or PM10 are needed" if answer["hours"] else NO_DUST
        )
    return answer


def _newest_first(hours: Sequence[float | None], last: int) -> list[float | None]:
    return [hours[n] for n in range(last, max(-1, last - NOWCAST_HOURS), -1)] if hours else []


def _at(hours: Sequence[float | None], number: int) -> float | None:
    return hours[number] if hours else None


def of_day(means: Hours, first: int) -> dict[str, Any]:
    """The index of the 24 hours from number `first` on."""
    day = aqi.day_means({quantity: hours[first : first + aqi.DAY_HOURS] for quantity, hours in means.items()})
    answer = describe(aqi.daily(day.means), day.means)
    answer["hours"], answer["complete"] = day.hours, day.complete
    if answer["vn_aqi"] is None:
        answer["reason"] = NO_DUST
    elif not day.complete:
        answer["reason"] = f"{day.hours} of 24 hours have dust in them, {aqi.DAY_COMPLETE} are needed"
    return answer


def describe(found: Index, means: Mapping[Pollutant, float]) -> dict[str, Any]:
    """An index as the API shows it; `means` are the concentrations it stands on, µg/m³."""
    band = aqi.band(found.value) if found.value is not None else None
    return {
        "vn_aqi": found.value,
        "band": {"name": band.name, "name_vi": band.name_vi, "colour": band.colour} if band else None,
        "main": found.main,
        "parts": dict(found.parts),
        "concentrations": {pollutant: round(mean, 2) for pollutant, mean in means.items()},
        "us_aqi": us_aqi.largest(means),
        "reason": None,
    }


def head(place: Place, start_ms: int, end_ms: int) -> dict[str, Any]:
    """Of which place and period an index is."""
    return {
        "kind": place.kind,
        "id": place.id,
        "name": place.name,
        "start": rfc3339(start_ms),
        "end": rfc3339(end_ms),
        "t": start_ms,
    }
