"""`halong export`, `migrate` and `rollup`: readings out of a store, from one to another, and their hourly figures."""

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from halong import storesecret
from halong.cli.records import DATA, AsJson, print_json
from halong.cli.remote import Url, asking, key
from halong.client import Client
from halong.console import TIME, fail, instant_ms
from runtime.config import ConfigError
from storage.store import Store, StoreUnavailableError
from telemetry.names import did_you_mean
from telemetry.quantities import QUANTITIES

if TYPE_CHECKING:
    from halong import extract, migrate

STORE_FILE = "store.duckdb"
HOURS_AT_ONCE = 168


def _address(given: str, *secrets: str) -> str:
    """A store's address from one, or from a hub's data directory or DuckDB file; exit 2 when it cannot be."""
    path = Path(given.removeprefix("duckdb:"))
    if given.startswith("http"):
        try:
            return storesecret.of_command(given, *secrets)
        except ConfigError as error:
            raise fail(str(error), 2) from None
    if path.is_dir():
        path /= STORE_FILE
    return f"duckdb:{path}"


def _open(given: str, *secrets: str, must_exist: bool) -> Store:
    from storage.open import open_store

    address = _address(given, *secrets)
    path = Path(address.removeprefix("duckdb:"))
    if must_exist and not address.startswith("http") and not path.exists():
        raise fail(f"there is no store at {path}", 2)
    try:
        return open_store(address)
    except ValueError as error:
        raise fail(str(error), 2) from None


def export(
    out: Annotated[Path, typer.Option(help="FILE.csv or FILE.parquet; there whole or not at all.")],
    data: Annotated[Path, typer.Option(help="The data directory of a hub that does not run now.")] = DATA,
    store: Annotated[
        str | None, typer.Option(help="A store instead: duckdb:FILE or http://host:8086/database.")
    ] = None,
    url: Url = None,
    from_: Annotated[str | None, typer.Option("--from", help=f"Start; default: the first. {TIME}.")] = None,
    to: Annotated[str | None, typer.Option(help="Up to here, not included; default: the last.")] = None,
    sensor: Annotated[list[str] | None, typer.Option(help="Only this sensor; repeatable.")] = None,
    quantity: Annotated[list[str] | None, typer.Option(help="Only this quantity; repeatable.")] = None,
    as_json: AsJson = False,
) -> None:
    """Readings as CSV or Parquet: time (UTC), sensor, site, quantity, unit, value, flags, late_s.

    A hub owns its file while it runs: ask it with --url, or give --data when it does not run.
    """
    from halong import extract
    from storage.batch import TIME_MAX_MS

    unknown = [name for name in quantity or () if name not in QUANTITIES]
    if unknown:
        raise fail(f"unknown quantity {unknown[0]!r}, {did_you_mean(unknown[0], QUANTITIES)}", 2)
    wanted = extract.Wanted(
        instant_ms(from_, "--from") if from_ else 0,
        instant_ms(to, "--to") if to else TIME_MAX_MS,
        frozenset(sensor or ()),
        frozenset(quantity or ()),
    )
    try:
        with asking():
            rows = asyncio.run(_export(out, wanted, store or str(data), url))
    except extract.ExtractError as error:
        raise fail(str(error), 2) from None
    except StoreUnavailableError as error:
        raise fail(str(error)) from None
    except OSError as error:
        raise fail(f"cannot write {out}: {error.strerror}") from None
    if as_json:
        print_json({"rows": rows, "file": str(out)})
    else:
        print(f"{rows:,} readings in {out}" if rows else "no readings in that period")


async def _export(out: Path, wanted: "extract.Wanted", store: str, url: str | None) -> int:
    from halong import extract

    output, rows = extract.Output(out), 0
    bar = _bar("readings")
    if url is not None:
        with output as target, bar:
            task = bar.add_task("exporting", total=None)
            async for columns in extract.from_hub(Client(url, key()), wanted):
                target.add(columns)
                rows += len(columns)
                bar.update(task, completed=rows)
        return rows
    opened = _open(store, must_exist=True)
    try:
        await opened.open()
        if wanted.sensors:
            extract.check_sensors(wanted.sensors, {one.sensor for one in await opened.series()})
        counts = await opened.count(wanted.start_ms, wanted.end_ms)
        total = sum(
            number
            for (sensor, quantity), number in counts.items()
            if (not wanted.sensors or sensor in wanted.sensors)
            and (not wanted.quantities or quantity in wanted.quantities)
        )
        with output as target, bar:
            task = bar.add_task("exporting", total=total)
            async for columns in extract.from_store(opened, wanted):
                target.add(columns)
                rows += len(columns)
                bar.update(task, completed=rows)
    finally:
        await opened.close()
    return rows


def migrate_command(
    source: Annotated[
        str, typer.Argument(help="duckdb:FILE, a hub's data directory, http://host:8086/database")
    ],
    dest: Annotated[str, typer.Argument(help="The same; made when it is not there.")],
    state: Annotated[Path, typer.Option(help="Where it is noted how far it is, to go on from there.")] = Path(
        "halong-migrate.json"
    ),
    as_json: AsJson = False,
) -> None:
    """Move every reading from one store to another, and count each series in both at the end.

    Broken off, the same command goes on where it was. The hub must not run on an embedded store meanwhile. user:secret of an
    InfluxDB comes from HALONG_STORE_SECRET (or a file that HALONG_STORE_SECRET_FILE names), of a destination with another one
    from HALONG_DEST_SECRET. Exit 0 only when every series has the same count.
    """
    if _address(source) == _address(dest):
        raise fail("source and destination are the same store", 2)
    try:
        moved = asyncio.run(_migrate(source, dest, state))
    except StoreUnavailableError as error:
        raise fail(f"{error}; the same command goes on from here") from None
    except OSError as error:
        raise fail(f"cannot write {state}: {error.strerror}") from None
    wrong = {f"{sensor}/{quantity}": counts for (sensor, quantity), counts in sorted(moved.wrong.items())}
    if as_json:
        print_json({"rows": moved.rows, "refused": moved.refused, "series": moved.series, "different": wrong})
    else:
        print(f"{moved.rows:,} readings moved, {moved.series:,} series counted in both")
        for name, (there, here) in wrong.items():
            print(f"{name}: {there:,} in the source, {here:,} in the destination")
    if moved.refused:
        raise fail(f"{moved.refused:,} readings were refused, the first because: {moved.first_refusal}")
    if wrong:
        raise fail(f"{len(wrong)} series differ")
    state.unlink(missing_ok=True)


async def _migrate(source: str, dest: str, state: Path) -> "migrate.Moved":
    from halong import migrate

    here = _open(source, must_exist=True)
    there = _open(dest, storesecret.DEST_VARIABLE, storesecret.VARIABLE, must_exist=False)
    name = migrate.name(source, dest)
    start_ms = migrate.resumed(state, name)

    def save(done_ms: int) -> None:
        part = state.with_name(f"{state.name}.part")
        part.write_bytes(msgspec.json.encode(migrate.Progress(name, done_ms)))
        part.replace(state)

    bar = _bar("readings")
    try:
        await here.open()
        await there.open()
        with bar:
            task = bar.add_task("moving", total=None)

            def tell(done: int, total: int, waiting: str) -> None:
                bar.update(
                    task,
                    completed=done,
                    total=total,
                    description=f"waiting: {waiting}" if waiting else "moving",
                )

            return await migrate.move(here, there, start_ms=start_ms, save=save, tell=tell)
    finally:
        await here.close()
        await there.close()


def rollup(
    data: Annotated[Path, typer.Option(help="The data directory of a hub that does not run now.")] = DATA,
    store: Annotated[
        str | None, typer.Option(help="A store instead: duckdb:FILE or http://host:8086/database.")
    ] = None,
    from_: Annotated[
        str | None,
        typer.Option("--from", help=f"Compute anew from here on, also what is there already. {TIME}."),
    ] = None,
    to: Annotated[str | None, typer.Option(help="Up to here, not included; default: the last.")] = None,
    as_json: AsJson = False,
) -> None:
    """Compute the hourly figures that long charts are drawn from, now and all of them.

    The hub does that by itself beside its work, some hours every ten seconds, the newest first. This is for afterwards: after
    `halong migrate`, or, with --from, after readings were removed from the store past this program. user:secret of an
    InfluxDB comes from HALONG_STORE_SECRET; a hub may run on it meanwhile.
    """
    from storage.batch import TIME_MAX_MS

    if to is not None and from_ is None:
        raise fail("--to goes with --from", 2)
    anew = (
        (instant_ms(from_, "--from"), instant_ms(to, "--to") if to else TIME_MAX_MS)
        if from_ is not None
        else None
    )
    try:
        hours = asyncio.run(_rollup(_open(store or str(data), must_exist=True), anew))
    except StoreUnavailableError as error:
        raise fail(f"{error}; the same command goes on from here") from None
    if as_json:
        print_json({"hours": hours})
    else:
        print(f"{hours:,} hours computed" if hours else "every hour that is over has its figures")


async def _rollup(opened: Store, anew: tuple[int, int] | None) -> int:
    from storage.embedded import EmbeddedStore
    from storage.influx import InfluxStore

    assert isinstance(opened, EmbeddedStore | InfluxStore)
    bar, hours = _bar("hours"), 0
    try:
        await opened.open()
        if anew is not None:
            await opened.distrust(*anew)
        with bar:
            task = bar.add_task("computing", total=None)
            while number := await opened.roll(HOURS_AT_ONCE):
                hours += number
                bar.update(task, completed=hours)
    finally:
        await opened.close()
    return hours


def _bar(unit: str) -> Progress:
    """On a terminal, gone at the end."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(unit),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=not sys.stderr.isatty(),
    )
