"""`halong backup` and `halong restore`: the hub's book and its embedded store."""

import asyncio
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from halong.cli.records import DATA, AsJson, Data, carry_out, now_ms, opened, print_json, shown, unheld_store
from halong.console import fail
from storage.backup import BackupError, Label, back_up, read_label
from storage.backup import restore as put_back
from storage.book import Book
from storage.store import StoreBusyError, StoreUnavailableError
from telemetry.times import CITY_ZONE, DAY_MS, rfc3339

PATIENCE_S = 3600.0


def backup(
    to: Annotated[
        Path | None, typer.Argument(help="A new directory; default: backups/<now> in the data directory.")
    ] = None,
    data: Data = DATA,
    as_json: AsJson = False,
) -> None:
    """Copy the book and the embedded store, also while the hub runs. InfluxDB has its own backup.

    The copy is of one moment and whole; what came later is in the gateways' journals (`halong resend`).
    """
    stamp = datetime.fromtimestamp(now_ms() / 1000, CITY_ZONE).strftime("%Y%m%d-%H%M%S")
    directory = (to or data / "backups" / stamp).absolute()
    with opened(data) as book:
        try:
            label = asyncio.run(_unheld(book, data, directory))
        except StoreBusyError:
            asked = {"directory": str(directory)}
            carry_out(book, "backup", asked, patience_s=PATIENCE_S)
            label = read_label(directory)
        except (BackupError, StoreUnavailableError) as error:
            raise fail(str(error)) from None
    if as_json:
        print_json({"directory": str(directory), "at": rfc3339(label.at_ms), "rows": label.rows})
    else:
        readings = f"{label.rows} readings" if label.store else "no readings: they are in InfluxDB"
        print(f"{directory}: the book and {readings}, as of {shown(label.at_ms)}")


async def _unheld(book: Book, data: Path, directory: Path) -> Label:
    """Nobody holds the store: copy it ourselves. Raises StoreBusyError when the hub does."""
    async with unheld_store(book, data) as store:
        return await back_up(book, store, directory, now_ms=now_ms())


def restore(
    backup: Annotated[Path, typer.Argument(help="The directory that `halong backup` made.")],
    data: Data = DATA,
) -> None:
    """Put a backup into the data directory of a hub that is stopped; what was there is set aside, not deleted.

    Says how to heal what came after it from the gateways' journals.
    """
    try:
        label = read_label(backup)
        asyncio.run(_check_free(data, label))
        done: Any = put_back(backup, data, now_ms=now_ms())
    except (BackupError, StoreUnavailableError) as error:
        raise fail(str(error)) from None
    print(f"{data} is as it was at {shown(label.at_ms)}")
    if done["aside"] is not None:
        print(f"what was there is in {done['aside']}")
    print("start the hub, then let every gateway send again what came since (or was under way):")
    since, until = rfc3339(label.at_ms - DAY_MS), rfc3339(now_ms())
    for gateway in label.gateways:
        print(f"  halong resend --gateway {gateway} --from {since} --to {until}")


async def _check_free(data: Path, label: Label) -> None:
    """Raises StoreBusyError while a hub holds the store of the data directory."""
    if label.store and (data / label.store).exists():
        from storage.embedded import EmbeddedStore

        store = EmbeddedStore(data / label.store, clock=now_ms)
        try:
            await store.open()
        except StoreBusyError as error:
            raise BackupError(f"{error}; then restore") from None
        except StoreUnavailableError:
            return  # damaged: that is why it is restored
        await store.close()
