"""What the API adds to the database: each route's time as a ratio to the bare query that answers it, in one run, on both stores.

A bare query is the quickest single statement that has all the answer needs, sent over one kept connection (DuckDB's: a cursor in
this process) and read to its end, not parsed; the route's answer is not parsed either. Where hourly figures are kept there are
two: over the figures, which is what the store itself asks, and over the readings, which is what anybody else would ask.
The server runs in a thread of this process, because the embedded store's file belongs to one process; both sides are asked
in turns.
"""

import asyncio
import http.client
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode

import uvicorn

from api.app import Services, create
from bench import month
from bench.month import DATABASE, END_MS, START_MS
from bench.processes import influxd
from halong.hub import collecting_seldom
from runtime.feed import Feed
from storage import figures, influxql, rollup
from storage.book import Book
from storage.embedded import EmbeddedStore
from storage.embedded_sql import aggregate_sql
from storage.influx import InfluxStore
from storage.influx_http import InfluxUrl
from storage.store import Store
from telemetry.quantities import Aggregate
from telemetry.times import DAY_MS, HOUR_MS

ROUNDS, WARM = 25, 3
ONE, PLACE = month.sensor(4321), month.site(4321)
AT_PLACE = [month.sensor(number) for number in range(month.SENSORS) if month.site(number) == PLACE]

READINGS = ", bare over readings"

Ask = Callable[[], object]


class Timed(NamedTuple):
    """Milliseconds of a route and of the bare query; `bytes` of the route's answer."""

    name: str
    store: str
    ours_p50: float
    ours_p95: float
    bare_p50: float
    bare_p95: float
    bytes: int

    @property
    def ratios(self) -> tuple[float, float]:
        """ours / bare, p50 and p95."""
        return self.ours_p50 / self.bare_p50, self.ours_p95 / self.bare_p95


ROUTES = {
    "latest": ("/v1/latest", {}),
    "overview": ("/v1/overview", {}),
    "24 h of one sensor": (
        "/v1/readings",
        {"sensor": ONE, "quantity": "pm25", "start": END_MS - DAY_MS, "end": END_MS},
    ),
    "30 d of one sensor": (
        "/v1/aggregate",
        {"sensor": ONE, "quantity": "pm25", "window": "PT1H", "start": START_MS, "end": END_MS},
    ),
    "aggregate over a site": (
        "/v1/aggregate",
        {"site": PLACE, "quantity": "pm25", "window": "PT1H", "start": END_MS - DAY_MS, "end": END_MS},
    ),
}


async def _rolled(store: InfluxStore, say: Callable[[str], None]) -> None:
    await store.open()
    await month.figures(store, say)
    await store.close()


class _Server(uvicorn.Server):
    def capture_signals(self):  # type: ignore[no-untyped-def]
        return nullcontext()


@contextmanager
def serving(store: Store, directory: Path) -> Iterator[int]:
    """The API over that store in a thread of its own; its port."""
    loop, ready, port = asyncio.new_event_loop(), threading.Event(), 0

    async def main(stop: asyncio.Event) -> None:
        nonlocal port
        await store.open()
        with Book(directory / "book.sqlite") as book:
            feed = Feed("bench")
            places = {row.id: row.site for row in book.sensors()}
            found = await store.latest(END_MS - DAY_MS)
            feed.remember([(places[reading.sensor], reading) for reading in found])
            services = Services(store, book, feed, dict, dict, "bench", END_MS, lambda: END_MS)
            server = _Server(uvicorn.Config(create(services), "127.0.0.1", 0, log_level="error"))
            task = asyncio.create_task(server.serve())
            while not server.started:
                await asyncio.sleep(0.01)
            port = server.servers[0].sockets[0].getsockname()[1]
            ready.set()
            await stop.wait()
            server.should_exit = True
            await task
        await store.close()

    stop = asyncio.Event()
    thread = threading.Thread(target=loop.run_until_complete, args=(main(stop),))
    thread.start()
    try:
        if not ready.wait(120):
            raise TimeoutError("the API does not start")
        yield port
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


def _route(port: int, path: str, query: dict[str, object]) -> Callable[[], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    address = f"{path}?{urlencode(query)}" if query else path

    def ask() -> bytes:
        connection.request("GET", address)
        answer = connection.getresponse()
        content = answer.read()
        if answer.status != 200:
            raise ValueError(f"{address}: {answer.status} {content[:200]!r}")
        return content

    return ask


def _bare_embedded(store: EmbeddedStore) -> dict[str, Ask]:
    file = store._file  # noqa: SLF001  # the file belongs to one process: the bare query goes through the same door
    cursor = file.connection.cursor()
    number = next(n for series, n in file.ids.items() if series.sensor == ONE)
    numbers = ", ".join(str(n) for series, n in file.ids.items() if series.site == PLACE)

    def ask(sql: str, *parameters: int) -> Ask:
        return lambda: cursor.execute(sql, parameters).fetchall()

    newest = (
        "SELECT sensor, quantity, max(observed_at), arg_max(value, observed_at), arg_max(coalesce(flags, 0), observed_at)"
        " FROM readings JOIN series ON series.id = readings.series WHERE observed_at >= ? GROUP BY sensor, quantity"
    )
    day, whole = (END_MS - DAY_MS, END_MS), (START_MS, END_MS)
    mean = Aggregate.MEAN
    return {
        "latest": ask(newest, END_MS - DAY_MS),
        "overview": ask(newest, END_MS - DAY_MS),
        "24 h of one sensor": ask(
            f"SELECT observed_at, value, coalesce(flags, 0) FROM readings WHERE series = {number}"
            " AND observed_at >= ? AND observed_at < ? ORDER BY observed_at",
            END_MS - DAY_MS,
            END_MS,
        ),
        "30 d of one sensor": ask(rollup.aggregate_sql(mean, str(number), [], HOUR_MS, 0), *whole),
        "30 d of one sensor" + READINGS: ask(aggregate_sql(mean, str(number), HOUR_MS, 0), *whole),
        "aggregate over a site": ask(rollup.aggregate_sql(mean, numbers, [], HOUR_MS, 0), *day),
        "aggregate over a site" + READINGS: ask(aggregate_sql(mean, numbers, HOUR_MS, 0), *day),
    }


def _bare_influx(port: int) -> dict[str, Ask]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def ask(statement: str) -> Ask:
        body = urlencode({"db": DATABASE, "epoch": "ms", "q": statement})

        def question() -> bytes:
            head = {"Content-Type": "application/x-www-form-urlencoded"}
            connection.request("POST", "/query", body, head)
            return connection.getresponse().read()

        return question

    day = influxql.where(END_MS - DAY_MS, END_MS, [ONE])
    newest = influxql.newest(influxql.where(END_MS - DAY_MS, END_MS))
    mean = figures.FIELDS[Aggregate.MEAN]
    month_of_one = influxql.where(START_MS, END_MS, [ONE])
    of_site = influxql.where(END_MS - DAY_MS, END_MS, AT_PLACE)
    return {
        "latest": ask(newest),
        "overview": ask(newest),
        "24 h of one sensor": ask(influxql.rows("pm25", day, limit=1000, descending=False)),
        "30 d of one sensor": ask(figures.of_figures("pm25", mean, month_of_one, one=True)),
        "30 d of one sensor" + READINGS: ask(
            influxql.windows(Aggregate.MEAN, "pm25", month_of_one, HOUR_MS, 0)
        ),
        "aggregate over a site": ask(figures.of_figures("pm25", mean, of_site)),
        "aggregate over a site" + READINGS: ask(
            influxql.windows(
                Aggregate.MEAN,
                "pm25",
                f'{influxql.where(END_MS - DAY_MS, END_MS)} AND "site" = {influxql.string(PLACE)}',
                HOUR_MS,
                0,
            )
        ),
    }


def _measure(store: str, port: int, bare: dict[str, Ask], say: Callable[[str], None]) -> Iterator[Timed]:
    for name, database in bare.items():
        say(f"{store}: {name}")
        route = _route(port, *ROUTES[name.removesuffix(READINGS)])
        size = len(route())
        ours: list[float] = []
        theirs: list[float] = []
        for number in range(WARM + ROUNDS):
            for times, work in ((ours, route), (theirs, database)):
                began = time.perf_counter()
                work()
                if number >= WARM:
                    times.append(1000 * (time.perf_counter() - began))
        ours.sort()
        theirs.sort()
        middle, late = ROUNDS // 2, ROUNDS * 95 // 100
        yield Timed(name, store, ours[middle], ours[late], theirs[middle], theirs[late], size)


def measure(say: Callable[[str], None]) -> list[Timed]:
    """Every route on both stores; the month is built when it is not there."""
    with collecting_seldom():  # as the hub does
        return list(_measure_both(say))


def _measure_both(say: Callable[[str], None]) -> Iterator[Timed]:
    directory = month.embedded(say)
    embedded = EmbeddedStore(directory / "store.duckdb", clock=lambda: END_MS)
    with serving(embedded, directory) as port:
        yield from _measure("DuckDB", port, _bare_embedded(embedded), say)
    with ExitStack() as stack:
        directory = month.BUILD / "influx"
        server = stack.enter_context(influxd(directory))
        month.influx(directory, server.port, say)
        address = InfluxUrl.parse(f"http://127.0.0.1:{server.port}/{DATABASE}")
        store = InfluxStore(address, clock=lambda: END_MS + DAY_MS)
        asyncio.run(_rolled(store, say))
        port = stack.enter_context(serving(store, directory))
        yield from _measure("InfluxDB", port, _bare_influx(server.port), say)
