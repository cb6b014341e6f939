"""The hub: ingest and API in one process around one store and one book. One TaskGroup, one screen."""

import asyncio
import gc
import os
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from functools import partial
from importlib.metadata import version
from pathlib import Path
from random import Random
from typing import Literal
from urllib.parse import urlsplit

import msgspec
import structlog

from api.app import Services, create
from api.pages import Tiles
from api.routes.system import exposition, of_ingest
from edge.metrics import serve
from edge.settings import MetricsSettings
from halong import retention, serving, storesecret
from halong.follower import Follower
from halong.serving import ApiSettings, PageSettings, Server
from halong.vitals_loop import Sources, keep_telling
from ingest import usual
from ingest.alarms import channels
from ingest.alarms import settings as alarm_settings
from ingest.alarms.annotator import Annotator
from ingest.alarms.channels import Channel
from ingest.alarms.notifier import heartbeat
from ingest.alarms.settings import AlarmSettings
from ingest.checks import Policy, TimeWindow
from ingest.pipeline import Pipeline
from runtime import limits
from runtime.brokerurl import Access
from runtime.config import ConfigError
from runtime.feed import Feed
from runtime.sdnotify import Notifier
from storage.book import Book
from storage.embedded import EmbeddedStore, StoreBusyError
from storage.facts import KEEP_DAYS, STORE_FILE, note_facts
from storage.influx import InfluxStore
from storage.open import open_store
from storage.store import Store, StoreUnavailableError
from storage.view import HUMIDITY, View
from telemetry.reading import Reading
from telemetry.times import DAY_MS
from telemetry.topics import DEFAULT_ROOT

log = structlog.get_logger(__name__)


class BrokerSettings(Access, frozen=True):
    """Where the gateways publish."""

    url: str = "mqtt://127.0.0.1:1883"
    root: str = DEFAULT_ROOT


class StoreSettings(msgspec.Struct, frozen=True):
    """`duckdb:FILE` (relative to the data directory) or `http://host:8086/database`; user:secret from the environment.

    The embedded store forgets what is older than `keep_days`, 0 keeps everything; InfluxDB has its own retention.
    Into InfluxDB the hub writes every `vitals_s` seconds how it and the gateways do, 0: never.
    """

    url: str = "duckdb:store.duckdb"
    keep_days: int = 0
    vitals_s: float = 15.0


class IngestSettings(msgspec.Struct, frozen=True):
    """What is taken: times from `past_days` before to `future_s` after the hub's, sensors that no birth lists or not."""

    past_days: float = 60.0
    future_s: float = 300.0
    unknown_sensors: Literal["register", "refuse"] = "register"
    quarantine_rows: int = 10_000


class HubConfig(msgspec.Struct, frozen=True):
    """The hub's TOML file; every key has its default."""

    data: str = "halong-data"
    broker: BrokerSettings = BrokerSettings()
    store: StoreSettings = StoreSettings()
    api: ApiSettings = ApiSettings()
    page: PageSettings = PageSettings()
    ingest: IngestSettings = IngestSettings()
    alarms: AlarmSettings = AlarmSettings()
    metrics: MetricsSettings = MetricsSettings()  # of `halong ingest`; hub and api have theirs at the API


def policy(settings: IngestSettings) -> Policy:
    """As ingest checks it."""
    window = TimeWindow(round(settings.past_days * DAY_MS), round(settings.future_s * 1000))
    return Policy(window, settings.unknown_sensors == "refuse")


def check(config: HubConfig) -> None:
    """What the types cannot say; raises ConfigError."""
    try:
        config.broker.address(config.broker.url)
    except ValueError as error:
        raise ConfigError(str(error)) from None
    serving.check(config.api)
    serving.check_page(config.page)
    ingest = config.ingest
    if not (0 < ingest.past_days <= 36_500 and 0 <= ingest.future_s <= 86_400 * 365):
        raise ConfigError(
            "ingest.past_days must be above 0 and up to 36500, ingest.future_s 0 to a year of seconds"
        )
    if not 1 <= ingest.quarantine_rows <= 1_000_000:
        raise ConfigError(f"ingest.quarantine_rows must be 1 to 1000000, not {ingest.quarantine_rows}")
    alarm_settings.check(config.alarms)
    if config.store.url.startswith("http") and urlsplit(config.store.url).password is not None:
        raise ConfigError(
            f"store.url holds a secret, and addresses are logged: put it into {storesecret.VARIABLE}"
            f" or into a file that {storesecret.VARIABLE}{storesecret.SUFFIX} names"
        )
    retention.check(config.store.url, config.store.keep_days)
    if config.store.vitals_s and not 1 <= config.store.vitals_s <= 600:
        raise ConfigError(f"store.vitals_s must be 0 (never) or 1 to 600, not {config.store.vitals_s:g}")
    try:
        open_store(config.store.url)  # only looks at the address
    except ValueError as error:
        raise ConfigError(f"store.url: {error}") from None


def store_url(config: HubConfig, data: Path, environment: Mapping[str, str]) -> str:
    """The store's whole address: files below `data`, the secret ("user:password" or "user:token") from the environment,
    or from the file that it names. Raises ConfigError."""
    url = config.store.url
    if url.startswith("duckdb:"):
        return f"duckdb:{data / url.removeprefix('duckdb:')}"
    return storesecret.with_secret(url, storesecret.secret(environment))


async def _open(store: Store) -> None:
    """An absent server is a state, and every call tries again; a file that another process owns is an exit."""
    try:
        await store.open()
    except StoreBusyError:
        raise
    except StoreUnavailableError as error:
        log.warning("store away, trying again", reason=str(error))


@contextmanager
def collecting_seldom() -> Iterator[None]:
    """A batch makes tens of thousands of short-lived objects and no cycles: looking for some took a third of ingest's time.

    At the end all is as before, so that libraries find their objects again.
    """
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(200_000, 20, 20)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def _channels(config: HubConfig, store: Store) -> list[Channel]:
    """To people, and into InfluxDB where it may hold more than readings."""
    people = channels.build(config.alarms, os.environ)
    if isinstance(store, InfluxStore) and config.store.vitals_s:
        people.append(Annotator(store))
    return people


def wall_clock_ms() -> int:
    """Milliseconds since 1970 UTC."""
    return time.time_ns() // 1_000_000


async def run(
    config: HubConfig,
    *,
    stop: asyncio.Event,
    part: Literal["hub", "ingest", "api"] = "hub",
    trace: Path | None = None,
    clock: Callable[[], int] = wall_clock_ms,
) -> None:
    """Run until `stop`; `part` leaves the API or ingest out. Raises ConfigError, or a store's own error at start."""
    data = Path(config.data)
    data.mkdir(parents=True, exist_ok=True)
    async with AsyncExitStack() as stack:
        listening = stack.enter_context(serving.listen(config.api)) if part != "ingest" else None
        store = open_store(store_url(config, data, os.environ))
        stack.push_async_callback(store.close)
        book = stack.enter_context(Book(data / "book.sqlite", quarantine_rows=config.ingest.quarantine_rows))
        url = config.store.url
        embedded = url.removeprefix("duckdb:") if url.startswith("duckdb:") else ""
        note_facts(book, {STORE_FILE: embedded, KEEP_DAYS: str(config.store.keep_days)})
        feed = Feed(epoch=secrets.token_hex(4))
        shown = View(store, book)
        rules = limits.read(config.alarms.limits)

        def newest_humidity(sensor: str) -> Reading | None:
            found = feed.latest.get((sensor, HUMIDITY))
            return found.reading if found is not None else None

        lines = stack.enter_context(trace.open("a", encoding="utf-8", buffering=1)) if trace else None
        pipeline = Pipeline(
            store=store,
            book=book,
            broker=config.broker.address(config.broker.url, os.environ),
            root=config.broker.root,
            clock=clock,
            rng=Random(secrets.randbits(64)),
            on_stored=lambda items: feed.stored(shown.live(items, newest_humidity)),
            on_anomaly=feed.anomaly,
            on_alarm=feed.alarm,
            limits=rules,
            channels=_channels(config, store) if part != "api" else (),
            trace=lines,
            policy=policy(config.ingest),
        )
        follower = Follower(shown, book, feed, clock=clock)
        services = Services(
            store=shown,
            book=book,
            feed=feed,
            account=pipeline.account.as_mapping,
            ready=pipeline.ready if part != "api" else lambda: {"store": follower.reached},
            version=version("halong-telemetry"),
            started_ms=clock(),
            clock=clock,
            reasons=pipeline.reasons,
            usual=partial(usual.hours, book),
            access=config.api.access(),
            tiles=Tiles(config.page.tiles, config.page.attribution),
        )
        server = Server(create(services), config.api)
        await _open(store)
        await follower.look()
        stack.enter_context(collecting_seldom())
        async with asyncio.TaskGroup() as group:
            api: asyncio.Task[None] | None = None
            working = []
            if part in ("hub", "ingest"):
                working.append(group.create_task(pipeline.run(), name="ingest"))
            if part in ("hub", "ingest") and config.alarms.heartbeat.url:
                beat = heartbeat(config.alarms, os.environ, clock=clock, state=pipeline.ready)
                working.append(group.create_task(beat.run(), name="heartbeat"))
            if isinstance(store, EmbeddedStore) and config.store.keep_days:
                keeping = retention.keep(store, book, config.store.keep_days, clock)
                working.append(group.create_task(keeping, name="retention"))
            if isinstance(store, InfluxStore) and config.store.vitals_s and part != "api":
                told = Sources(pipeline.account.as_mapping, pipeline.ready, lambda: feed.latest, clock)
                telling = keep_telling(store, shown, book, told, config.store.vitals_s, rules)
                working.append(group.create_task(telling, name="vitals"))
            if listening is not None:
                working.append(group.create_task(feed.run(), name="feed"))
                working.append(group.create_task(follower.run(for_ever=part == "api"), name="follow"))
                anew = follower.follow_amendments(shown.version)
                working.append(group.create_task(anew, name="amendments"))
                api = group.create_task(server.serve_at(listening), name="api")
            log.info(
                "hub is up",
                part=part,
                store=config.store.url,
                api=config.api.url,
                reading="open" if config.api.access().open_reading else "key",
            )
            if part == "ingest" and config.metrics.port:
                started_ms = clock()

                def told_to_prometheus() -> bytes:
                    age_s = (clock() - started_ms) / 1000
                    return exposition(of_ingest(pipeline.account.as_mapping(), pipeline.ready(), age_s))

                working.append(group.create_task(serve(config.metrics, told_to_prometheus), name="metrics"))
            notifier = Notifier(os.environ)
            loops = pipeline.loops() if part != "api" else []
            working.append(group.create_task(notifier.watch(loops), name="watchdog"))
            notifier.ready()
            notifier.status(f"{part} is up, store {config.store.url}")
            await stop.wait()
            notifier.stopping()
            feed.close()
            server.should_exit = True
            if api is not None:
                await api
            for task in working:
                task.cancel()
    log.info("hub stopped")
