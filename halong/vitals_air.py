"""VN_AQI of every site for Grafana: now, and of the clock hours that are over, as the API computes them."""

from collections.abc import Sequence

from api.air import QUANTITIES, Place, hourly_means, of_hour
from halong import vitals
from storage.inventory import SensorRow
from storage.points import Point
from storage.store import Store
from telemetry.aqi import NOWCAST_HOURS
from telemetry.times import HOUR_MS, MINUTE_MS


async def indices(store: Store, sensors: Sequence[SensorRow], hours: int, now_ms: int) -> list[Point]:
    """`now` at this minute, `hour` at the start of each of the last `hours` hours; may raise StoreUnavailableError."""
    places = _sites(sensors)
    points: list[Point] = []
    for field, end_ms, count in (
        ("now", now_ms // MINUTE_MS * MINUTE_MS, 1),
        ("hour", now_ms // HOUR_MS * HOUR_MS, hours),
    ):
        total = count + NOWCAST_HOURS - 1
        start_ms = end_ms - total * HOUR_MS
        means = await hourly_means(store, places, start_ms, total) if places else {}
        for place in places:
            for number in range(NOWCAST_HOURS - 1, total):
                at_ms = end_ms if field == "now" else start_ms + number * HOUR_MS
                points += vitals.of_air(place.id, field, of_hour(means[place.id], number), at_ms)
    return points


def _sites(sensors: Sequence[SensorRow]) -> list[Place]:
    groups: dict[str, list[SensorRow]] = {}
    for row in sensors:
        if row.site and not set(QUANTITIES).isdisjoint(row.quantities):
            groups.setdefault(row.site, []).append(row)
    return [Place("site", site, site, tuple(rows)) for site, rows in sorted(groups.items())]
