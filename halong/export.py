"""`halong edge export`: the journals of a gateway, or of a whole data directory, as CSV."""

import csv
import sys
import tomllib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, NamedTuple

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from edge.export import ExportError, Piece, read
from telemetry.quantities import QUANTITIES
from telemetry.reading import InstrumentState, Reading
from telemetry.times import CITY_ZONE, rfc3339

COLUMNS = ("time", "time_local", "sensor", "quantity", "value", "unit", "flags", "state")


class Exported(NamedTuple):
    """What came out."""

    readings: int
    packs: int
    damaged: int


def find_journals(given: Path) -> list[Path]:
    """The journals behind a configuration, a journal's file or a data directory; raises ExportError."""
    if given.is_dir():
        found = sorted({*given.glob("*.db"), *given.glob("gateways/*/journal.db")})
        if not found:
            raise ExportError(f"no journal (*.db, gateways/*/journal.db) in {given}")
        return found
    if given.suffix != ".toml":
        return [given]
    try:
        content = tomllib.loads(given.read_text(encoding="utf-8"))
    except OSError as error:
        raise ExportError(f"cannot read {given}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ExportError(f"{given}: {error}") from error
    named = content.get("journal", {})
    return [given.parent / (named.get("path", "journal.db") if isinstance(named, dict) else "journal.db")]


def to_file(journals: list[Path], out: Path | None, from_ms: int, to_ms: int, sensor: str = "") -> Exported:
    """Write to `out`, or to the standard output, with a bar on a terminal. A file is there whole or not at all.

    Raises ExportError or OSError.
    """
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("packs"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    with bar:
        tasks = {journal: bar.add_task(str(journal), total=None) for journal in journals}

        def show(journal: Path, piece: Piece) -> None:
            bar.update(tasks[journal], completed=piece.packs, total=piece.total)

        if out is None:
            return write(journals, sys.stdout, from_ms, to_ms, sensor, show)
        new = out.with_name(f".{out.name}.part")
        with new.open("w", encoding="utf-8", newline="") as file:
            done = write(journals, file, from_ms, to_ms, sensor, show)
        new.replace(out)
        return done


def write(
    journals: list[Path],
    out: IO[str],
    from_ms: int,
    to_ms: int,
    sensor: str = "",
    progress: Callable[[Path, Piece], None] = lambda journal, piece: None,
) -> Exported:
    """Write the rows of one journal after the other; raises ExportError."""
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    readings = packs = damaged = 0
    for journal in journals:
        piece = None
        for piece in read(journal, from_ms, to_ms, sensor):
            writer.writerows(_rows(piece.readings))
            readings += len(piece.readings)
            progress(journal, piece)
        if piece is not None:
            packs, damaged = packs + piece.packs, damaged + piece.damaged
    return Exported(readings, packs, damaged)


def _rows(readings: list[Reading]) -> Iterator[tuple[object, ...]]:
    for one in readings:
        at = datetime.fromtimestamp(one.observed_at // 1000, UTC).replace(
            microsecond=one.observed_at % 1000 * 1000
        )
        yield (
            rfc3339(one.observed_at),
            at.astimezone(CITY_ZONE).isoformat(timespec="milliseconds"),
            one.sensor,
            one.quantity,
            one.value,
            QUANTITIES[one.quantity].unit,
            one.flags,
            InstrumentState.of(one.flags),
        )
