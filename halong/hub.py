"""The hub: ingest and API in one process around one store and one book. One TaskGroup, one screen."""

import asyncio
import os
import secrets
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from importlib.metadata import version
from pathlib import Path
from random import Random
from typing import Literal
from urllib.parse import quote, urlsplit

import msgspec
import structlog
import uvicorn

from api.app import Services, create
from ingest.pipeline import Pipeline
from runtime.config import ConfigError
from runtime.feed import Feed
from runtime.mqtt import BrokerUrl
from storage.book import Book
from storage.embedded import StoreBusyError
from storage.open import open_store
from storage.store import Store, StoreUnavailableError
from telemetry.topics import DEFAULT_ROOT

SECRET_VARIABLE = "HALONG_STORE_SECRET"
REMEMBERED_MS = 86_400_000  # the latest reading of a series is known at start when it is not older

log = structlog.get_logger(__name__)


class BrokerSettings(msgspec.Struct, frozen=True):
    """Where the gateways publish."""

    url: str = "mqtt://127.0.0.1:1883"
    root: str = DEFAULT_ROOT


class StoreSettings(msgspec.Struct, frozen=True):
    """`duckdb:FILE` (relative to the data directory) or `http://host:8086/database`; user:secret from the environment."""

    url: str = "duckdb:store.duckdb"


class ApiSettings(msgspec.Struct, frozen=True):
    """Where the API and the page listen."""

    host: str = "127.0.0.1"
    port: int = 8080


class HubConfig(msgspec.Struct, frozen=True):
    """The hub's TOML file; every key has its default."""

    data: str = "halong-data"
    broker: BrokerSettings = BrokerSettings()
    store: StoreSettings = StoreSettings()
    api: ApiSettings = ApiSettings()


def check(config: HubConfig) -> None:
    """What the types cannot say; raises ConfigError."""
    try:
        BrokerUrl.parse(config.broker.url)
    except ValueError as error:
        raise ConfigError(str(error)) from None
    if not 0 <= config.api.port < 65536:
        raise ConfigError(f"api.port must be 0 to 65535, not {config.api.port}")
    try:
        open_store(config.store.url)  # only looks at the address
    except ValueError as error:
        raise ConfigError(f"store.url: {error}") from None


def store_url(config: HubConfig, data: Path, environment: Mapping[str, str]) -> str:
    """The store's whole address: files below `data`, the secret ("user:password" or "user:token") from the environment."""
    url = config.store.url
    if url.startswith("duckdb:"):
        return f"duckdb:{data / url.removeprefix('duckdb:')}"
    secret = environment.get(SECRET_VARIABLE)
    if not secret:
        return url
    user, _, password = secret.partition(":")
    parts = urlsplit(url)
    return parts._replace(
        netloc=f"{quote(user, safe='')}:{quote(password, safe='')}@{parts.netloc.rpartition('@')[2]}"
    ).geturl()


class _Server(uvicorn.Server):
    """uvicorn without its own signal handlers: the process that runs the TaskGroup decides when to stop."""

    def capture_signals(self):  # type: ignore[no-untyped-def]
        from contextlib import nullcontext

        return nullcontext()


async def _open(store: Store) -> None:
    """An absent server is a state, and every call tries again; a file that another process owns is an exit."""
    try:
        await store.open()
    except StoreBusyError:
        raise
    except StoreUnavailableError as error:
        log.warning("store away, trying again", reason=str(error))


async def _remember(store: Store, feed: Feed, since_ms: int) -> None:
    """What the store holds is the latest until something newer comes; a store that is away cannot tell."""
    try:
        sites = {(series.sensor, series.quantity): series.site for series in await store.series()}
        latest = await store.latest(since_ms)
    except StoreUnavailableError:
        return
    feed.remember([(sites[reading.series], reading) for reading in latest if reading.series in sites])


def _clock() -> int:
    return time.time_ns() // 1_000_000


async def run(
    config: HubConfig,
    *,
    stop: asyncio.Event,
    part: Literal["hub", "ingest", "api"] = "hub",
    trace: Path | None = None,
) -> None:
    """Run until `stop`; `part` leaves the API or ingest out. Raises ConfigError, or a store's own error at start."""
    data = Path(config.data)
    data.mkdir(parents=True, exist_ok=True)
    async with AsyncExitStack() as stack:
        store = open_store(store_url(config, data, os.environ))
        stack.push_async_callback(store.close)
        book = stack.enter_context(Book(data / "book.sqlite"))
        feed = Feed(epoch=secrets.token_hex(4))
        lines = stack.enter_context(trace.open("a", encoding="utf-8", buffering=1)) if trace else None
        pipeline = Pipeline(
            store=store,
            book=book,
            broker=BrokerUrl.parse(config.broker.url),
            root=config.broker.root,
            clock=_clock,
            rng=Random(secrets.randbits(64)),
            on_stored=feed.stored,
            on_anomaly=feed.anomaly,
            trace=lines,
        )
        services = Services(
            store=store,
            book=book,
            feed=feed,
            account=pipeline.account.as_mapping,
            ready=pipeline.ready,
            version=version("halong-telemetry"),
            started_ms=_clock(),
            clock=_clock,
        )
        server = _Server(
            uvicorn.Config(
                create(services),
                host=config.api.host,
                port=config.api.port,
                log_level="warning",
                access_log=False,
                timeout_graceful_shutdown=3,
            )
        )
        await _open(store)
        await _remember(store, feed, _clock() - REMEMBERED_MS)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(feed.run(), name="feed")]
            if part in ("hub", "ingest"):
                tasks.append(group.create_task(pipeline.run(), name="ingest"))
            if part in ("hub", "api"):
                tasks.append(group.create_task(server.serve(), name="api"))
            log.info(
                "hub is up",
                part=part,
                store=config.store.url,
                api=f"http://{config.api.host}:{config.api.port}",
            )
            await stop.wait()
            server.should_exit = True
            feed.close()
            for task in tasks:
                if task.get_name() != "api":
                    task.cancel()
    log.info("hub stopped")
