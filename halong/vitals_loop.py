"""Writes the vital signs into InfluxDB beside the readings, best effort: a round that fails is left out, nobody waits for it."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import structlog

from halong import vitals
from halong.vitals_air import indices
from runtime.feed import Latest
from runtime.limits import Limit
from storage import retirement
from storage.book import Book, BookUnavailableError
from storage.influx import InfluxStore
from storage.ledger import ledger
from storage.points import Point
from storage.store import Store, StoreUnavailableError
from telemetry.anomaly import AnomalyKind
from telemetry.times import HOUR_MS

TIMEOUT_S, LEDGER_TIMEOUT_S = 10.0, 60.0  # then this round is given up
SENSORS_EVERY = 2  # rounds
LEDGER_EVERY = 4  # rounds, but the first few sooner: a new city has something to show at once
OLDER_EVERY = 60  # ledgers: late data may have changed the older hours as well
REST = 20  # times as long as a round took it rests at least: a big city's ledger must not load the database
RECENT_HOURS, OLDER_HOURS = 3, 48
ANOMALIES_MAX = 1000
RECENT_MS = 2 * HOUR_MS  # of anomalies

log = structlog.get_logger(__name__)


class Sources(NamedTuple):
    """Where the figures are: the account and readiness of ingest, the newest reading of each series, wall time in ms."""

    account: Callable[[], Mapping[str, int | float]]
    ready: Callable[[], Mapping[str, bool]]
    latest: Callable[[], Mapping[tuple[str, str], Latest]]
    clock: Callable[[], int]


async def keep_telling(
    store: InfluxStore,
    shown: Store,
    book: Book,
    sources: Sources,
    every_s: float,
    limits: Sequence[Limit] = (),
) -> None:
    """For ever, a round every `every_s` seconds; sensors, limits and anomalies every second time, ledger and air every fourth.

    `shown` is the store as it is read, with corrections: the indices of the air are made of that.
    """

    async def signs(number: int) -> None:
        await store.write_points(_signs(book, sources, number, limits))

    async def hours(number: int) -> None:
        now_ms = sources.clock()
        start_ms = now_ms - HOUR_MS * (OLDER_HOURS if number % OLDER_EVERY == 0 else RECENT_HOURS)
        await store.write_points(vitals.of_ledger(await ledger(store, book, start_ms, now_ms, now_ms=now_ms)))

    async def air(number: int) -> None:
        hours = OLDER_HOURS if number % OLDER_EVERY == 0 else RECENT_HOURS
        await store.write_points(await indices(shown, book.sensors(), hours, sources.clock()))

    async with asyncio.TaskGroup() as group:
        group.create_task(_repeat("vital signs", signs, every_s, TIMEOUT_S, slower=1))
        group.create_task(_repeat("ledger", hours, every_s, LEDGER_TIMEOUT_S, slower=LEDGER_EVERY))
        group.create_task(_repeat("air", air, every_s, LEDGER_TIMEOUT_S, slower=LEDGER_EVERY))


async def _repeat(
    what: str, step: Callable[[int], Awaitable[None]], every_s: float, timeout_s: float, *, slower: int
) -> None:
    """`step` gets the number of the round; one that failed keeps its number, so that the first tells everything.

    The first rounds are `every_s` apart, later ones up to `slower` times as long.
    """
    number, works = 0, True
    loop = asyncio.get_running_loop()
    while True:
        began = loop.time()
        try:
            async with asyncio.timeout(timeout_s):
                await step(number)
        except (StoreUnavailableError, BookUnavailableError, TimeoutError) as error:
            if works:
                reason = str(error) or f"no answer in {timeout_s:g} s"
                log.warning("not written for Grafana, trying again", what=what, reason=reason)
            works = False
        else:
            if not works:
                log.info("written for Grafana again", what=what)
            works = True
            number += 1
        await asyncio.sleep(max(every_s * min(slower, number + 1), REST * (loop.time() - began)))


def _signs(book: Book, sources: Sources, number: int, limits: Sequence[Limit]) -> list[Point]:
    now_ms, whole = sources.clock(), number % SENSORS_EVERY == 0
    points = list(_living(book, sources, now_ms, with_sensors=whole))
    if whole:
        recent = None if number == 0 else now_ms - RECENT_MS
        points += vitals.of_limits(limits, book.sensors(), now_ms)
        points += vitals.of_anomalies(book.anomalies(start_ms=recent, limit=ANOMALIES_MAX))
    return points


def _living(book: Book, sources: Sources, now_ms: int, *, with_sensors: bool) -> Iterator[Point]:
    sensors = book.sensors()
    opened = book.anomalies(open_only=True, limit=ANOMALIES_MAX)
    silent = {one.sensor for one in opened if one.kind is AnomalyKind.SILENCE}
    with book.reading() as database:
        gone = retirement.retired(database)
    hung = Counter(row.gateway for row in sensors)
    mute = Counter(row.gateway for row in sensors if row.id in silent)
    for gateway in book.gateways():
        if gateway.id not in gone:
            yield from vitals.of_gateway(gateway, hung[gateway.id], mute[gateway.id], now_ms)
    yield vitals.of_ingest(sources.account(), sources.ready(), len(opened), now_ms)
    if with_sensors:
        heard: dict[str, int] = {}
        for latest in sources.latest().values():
            reading = latest.reading
            heard[reading.sensor] = max(heard.get(reading.sensor, 0), reading.observed_at)
        yield from vitals.of_sensors(sensors, heard, silent, now_ms)
