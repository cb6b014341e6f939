"""Retention of the embedded store: what is older than the days to keep goes, an hour of readings at a time, and so do the
manifests of those days: the ledger begins where the store does."""

import asyncio
from collections.abc import Callable

import structlog

from runtime.config import ConfigError
from storage.book import Book, BookUnavailableError
from storage.embedded import EmbeddedStore
from storage.manifests import forget
from storage.store import StoreUnavailableError
from telemetry.times import DAY_MS

EVERY_S = 3600.0
RETRY_S = 60.0
DAYS_MAX = 36_500

log = structlog.get_logger(__name__)


def check(store_url: str, keep_days: int) -> None:
    """Raises ConfigError."""
    if not 0 <= keep_days <= DAYS_MAX:
        raise ConfigError(f"store.keep_days must be 0 (keep everything) to {DAYS_MAX}, not {keep_days}")
    if keep_days and not store_url.startswith("duckdb:"):
        raise ConfigError(
            "store.keep_days is of the embedded store: give InfluxDB's database a retention of its own"
        )


async def keep(store: EmbeddedStore, book: Book, days: int, clock: Callable[[], int]) -> None:
    """For ever: once an hour. `clock` is wall time in ms; the days count back from the newest reading when that is earlier, so
    that a clock that has jumped ahead forgets nothing."""
    while True:
        try:
            newest_ms = await store.newest_ms() or 0
            before_ms = min(clock(), newest_ms) - days * DAY_MS
            removed = await store.forget(before_ms)
            manifests = await _forget_manifests(book, before_ms)
        except (StoreUnavailableError, BookUnavailableError) as error:
            log.warning("old readings not removed, trying again", reason=str(error))
            await asyncio.sleep(RETRY_S)
            continue
        if removed or manifests:
            log.info("old readings removed", readings=removed, manifests=manifests, older_than_days=days)
        await asyncio.sleep(EVERY_S)


async def _forget_manifests(book: Book, before_ms: int) -> int:
    removed = 0
    while True:
        with book.writing() as database:
            day = forget(database, before_ms)
        if not day:
            return removed
        removed += day
        await asyncio.sleep(0)  # ingest writes too
