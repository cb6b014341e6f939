"""What ingest does when the book asks: replay the quarantine, retire a gateway, draw up the ledger, make a backup."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import msgspec
import structlog

from ingest.clerk import Clerk, CommandError, Handler
from ingest.intake import Intake
from ingest.registry import Registry
from ingest.replay import Replayer
from ingest.watchman import Watchman
from storage import retirement
from storage.backup import BackupError, back_up
from storage.book import Book
from storage.ledger import ledger
from storage.store import Store, StoreUnavailableError
from telemetry.packs import TIME_BELOW
from telemetry.reading import Reading

Instant = Annotated[int, msgspec.Meta(ge=-TIME_BELOW * 1000, le=TIME_BELOW * 1000)]  # ms since 1970
LEDGER_ROWS = 50_000  # a result is one row of the book

log = structlog.get_logger(__name__)


class Retirement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a command `retire` asks."""

    gateway: str
    at_ms: Instant
    who: str = ""


class Span(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a command `ledger` asks: the hours that begin in [start_ms, end_ms)."""

    start_ms: Instant
    end_ms: Instant
    sensor: str | None = None


class Copying(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a command `backup` asks: a copy in this new directory."""

    directory: str


def clerk(
    *,
    book: Book,
    store: Store,
    registry: Registry,
    watchman: Watchman,
    intake: Intake,
    on_stored: Callable[[Sequence[tuple[str, Reading]]], None],
    clock: Callable[[], int],
) -> Clerk:
    """Whoever carries out what the book asks."""
    replayer = Replayer(
        book=book,
        store=store,
        registry=registry,
        intake=intake.for_replay(),
        clock=clock,
        on_stored=on_stored,
        tell=watchman.tell,
    )
    return Clerk(book, errands(book, store, registry, watchman, replayer, clock=clock), clock=clock)


def errands(
    book: Book,
    store: Store,
    registry: Registry,
    watchman: Watchman,
    replayer: Replayer,
    *,
    clock: Callable[[], int],
) -> dict[str, Handler]:
    """A handler for each kind of command."""

    async def retire(content: Mapping[str, Any]) -> Mapping[str, Any]:
        asked = msgspec.convert(content, Retirement)
        now_ms = clock()
        with book.writing() as database:
            if not retirement.retire(database, asked.gateway, asked.at_ms, who=asked.who, now_ms=now_ms):
                raise CommandError(f"no gateway {asked.gateway!r} has ever been heard of")
            retirement.reclaim(database, now_ms)
        registry.forget()
        closed = watchman.gateway_retired(asked.gateway)
        for anomaly in closed:
            book.put_anomaly(anomaly)
        watchman.tell(closed)
        watchman.birth_heard(asked.gateway, [])
        log.warning("gateway retired", gateway=asked.gateway, who=asked.who)
        return {"gateway": asked.gateway, "at_ms": asked.at_ms}

    async def draw_up(content: Mapping[str, Any]) -> Mapping[str, Any]:
        asked = msgspec.convert(content, Span)
        rows = await ledger(store, book, asked.start_ms, asked.end_ms, now_ms=clock(), sensor=asked.sensor)
        if len(rows) > LEDGER_ROWS:
            raise CommandError(f"{len(rows)} hours are too many at once: ask for a day or a sensor")
        return {"rows": msgspec.to_builtins(rows)}

    async def copy(content: Mapping[str, Any]) -> Mapping[str, Any]:
        asked = msgspec.convert(content, Copying)
        try:
            label = await back_up(book, store, Path(asked.directory), now_ms=clock())
        except (BackupError, StoreUnavailableError) as error:
            raise CommandError(str(error)) from None
        return {"directory": asked.directory, "rows": label.rows}

    return {"replay": replayer.carry_out, "retire": retire, "ledger": draw_up, "backup": copy}
