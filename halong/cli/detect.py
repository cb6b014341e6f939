"""`halong detect`: the detectors on files, on benchmarks, and on what the hub has seen."""

import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer

from halong.cli.explain import explain
from halong.cli.records import AsJson, print_json
from halong.console import fail

if TYPE_CHECKING:
    from halong.replay import Series

app = typer.Typer(
    no_args_is_help=True, help="The detectors: replay files, score them, ask why something was flagged."
)
NAB = Path("../shared/data/nab")  # beside a checkout: its data may not be part of this project
Period = Annotated[float, typer.Option(min=1, max=300, help="Seconds between the readings of a sensor.")]
Gateways = Annotated[int, typer.Option(min=1, max=12, help="How many places of the city.")]
Seed = Annotated[int, typer.Option(help="The same seed gives the same city and the same faults.")]


@app.command()
def replay(
    source: Annotated[
        Path, typer.Argument(help="A CSV file with timestamp,value, or a folder of such files.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for the results; names and subfolders are kept.")],
    period: Annotated[
        float, typer.Option(min=0, help="Seconds between readings, when declared: gaps are judged by it.")
    ] = 0.0,
    holidays: Annotated[bool, typer.Option(help="Vietnamese public holidays count as Sundays.")] = False,
    zone: Annotated[
        str | None,
        typer.Option(
            help="Whose hours and summer time hold, like Europe/Berlin; without it hours are taken as they are written."
        ),
    ] = None,
    chart: Annotated[bool, typer.Option(help="An SVG beside each file: value, band, what was told.")] = False,
    labels: Annotated[
        Path | None, typer.Option(help="JSON {file: [[from, to], …]}: windows to draw, as in NAB.")
    ] = None,
) -> None:
    """Run files through the detectors and write them again with anomaly_score (0 to 1) and flags.

    Row by row, in one pass: nothing of a file's name, length or later rows is used. Flags are the kinds that begin at
    the row, joined by |, and empty when nothing alerts. All files of a folder are judged side by side, each by itself.
    Times are ISO 8601 or s, ms, µs or ns since 1970; cells are parted by comma, semicolon or tab. Rows that cannot be read
    pass through with score 0. A file that cannot be read is told, the others are judged, and the exit code is 2.
    """
    from halong import detect_chart, replay_files
    from halong import replay as files

    if labels is not None and not chart:
        raise fail("--labels goes with --chart: they are drawn into it", 2)
    if out.resolve() == (source if source.is_dir() else source.parent).resolve():
        raise fail(f"--out is where the files are, and would replace them: take a folder other than {out}", 2)
    try:
        windows = _windows(labels)
        paths = replay_files.find(source, out)
        if labels is not None and not any(path.as_posix() in windows for path in paths):
            raise files.ReplayError(f"{labels} names none of the files in {source}")
        place = _zone(zone)
    except files.ReplayError as error:
        raise fail(str(error), 2) from None
    series = _read(source, paths, place)
    days = _holidays(series) if holidays else frozenset()
    files.judge(series, periods_s=[period] * len(series), holidays=days, bands=chart, say=_say)
    try:
        for one in series:
            replay_files.write(one, out)
            if chart:
                picture = detect_chart.svg(one, windows.get(one.path.as_posix(), ()))
                (out / one.path.with_suffix(".svg")).write_text(picture, encoding="utf-8")
    except OSError as error:
        raise fail(f"cannot write to {out}: {error.strerror or error}", 2) from None
    print(f"{_summary(series)}: {out}")
    if len(series) < len(paths):
        raise typer.Exit(2)


def _read(source: Path, paths: Sequence[Path], zone: ZoneInfo | None) -> "list[Series]":
    """What can be read; what cannot is told. Nothing at all ends the command."""
    from halong import replay_files
    from halong.replay import ReplayError

    series = []
    for path in paths:
        try:
            series.append(replay_files.read(source, path, zone))
        except ReplayError as error:
            print(f"halong: {error}", file=sys.stderr)
    if not series:
        raise typer.Exit(2)
    for one in series:
        if one.unread:
            (line, text), more = one.unread[0], len(one.unread) - 1
            others = f" (nor in {_many(more, 'more row')})" if more else ""
            said = f"halong: {one.path}, line {line}: {text!r} is no time{others}: passed through"
            print(said, file=sys.stderr)
    return series


def _summary(series: "Sequence[Series]") -> str:
    rows = sum(len(one.rows) for one in series)
    told = sum(bool(kinds) for one in series for kinds in one.told)
    left = rows - sum(int(one.fresh.sum()) for one in series)
    why = f" ({left:,} not judged: no number, or not newer than a row before)" if left else ""
    end = "\r" if sys.stderr.isatty() else ""
    return f"{end}{_many(len(series), 'file')}, {_many(rows, 'row')}{why}, {_many(told, 'alert')}"


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def _zone(name: str | None) -> ZoneInfo | None:
    from halong.replay import ReplayError

    if name is None:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ReplayError(f"--zone {name}: no such zone, write one like Europe/Berlin") from None


@app.command()
def bench(
    data: Annotated[
        Path | None,
        typer.Option(
            help="Folder with NAB's files and windows.json (combined_windows.json under that name);"
            f" default: {NAB} if it is there."
        ),
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="How many of each series in which nothing happens.")] = 3,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Score the detectors: NAB's rules on its files, faults put into clean stretches of them, series in which nothing happens.

    NAB is not part of this project: get it at github.com/numenta/NAB (data/, and labels/combined_windows.json beside it as
    windows.json). Where it is neither given nor at its default place, only the series in which nothing happens are run.
    """
    from halong import detect_bench
    from halong.replay import ReplayError

    result: dict[str, Any] = {}
    if data is None and not NAB.exists():
        print(
            f"halong: no NAB at {NAB}: only series in which nothing happens; --data FOLDER", file=sys.stderr
        )
    else:
        try:
            files, windows = detect_bench.read(data or NAB)
        except ReplayError as error:
            raise fail(str(error), 2) from None
        result["nab"] = detect_bench.nab_table(files, windows)
        if any(f"{stretch}.csv" in files for stretch in detect_bench.STRETCHES):
            result["faults"] = detect_bench.fault_table(files, windows)
    result["harmless"] = detect_bench.harmless_table(seeds)
    if as_json:
        print(json.dumps(result))
        return
    print(detect_bench.text(result))


@app.command()
def city(
    days: Annotated[float, typer.Option(min=0.1, max=366, help="How long.")] = 30.0,
    period: Period = 300.0,
    gateways: Gateways = 12,
    seed: Seed = 7,
    write: Annotated[
        Path | None,
        typer.Option(help="A page (docs/anomalies.md) to put the tables into; a picture goes beside it."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """A simulated city with recorded faults of all kinds, in virtual time, through the code that flags: what is found.

    Readings go through intake, judge, survey and alarms as in the hub, without broker, store or waiting; what was told is
    compared with what was done. A month takes some minutes.
    """
    from halong.trial import report
    from halong.trial.run import Trial, run

    try:
        page = write.read_text(encoding="utf-8") if write is not None else ""
        if write is not None:
            report.put_into(page, "")
    except (OSError, ValueError) as error:
        raise fail(f"cannot write into {write}: {error}", 2) from None
    result = run(Trial(days, period, gateways, seed), say=_say)
    if write is not None:
        picture = write.with_suffix(".svg")
        picture.write_text(report.svg(result), encoding="utf-8")
        write.write_text(report.put_into(page, report.markdown(result, picture.name)), encoding="utf-8")
    if as_json:
        print_json(report.as_json(result))
    else:
        print(("\r" if sys.stderr.isatty() else "") + report.text(result))


@app.command()
def newcomers(
    days: Annotated[float, typer.Option(min=0.1, max=366, help="How long before the first joins.")] = 14.0,
    period: Period = 300.0,
    gateways: Gateways = 12,
    seed: Seed = 7,
    as_json: AsJson = False,
) -> None:
    """Sensors that join the simulated city later, with faults in their first hours and days: what is found when they begin with
    what others of their quantity have shown, and when they begin with nothing. Two weeks take some minutes.
    """
    from halong.trial import newcomers as trial

    joining = trial.Newcomers(days, period, gateways, seed)
    alone, among = trial.run(joining, say=_say)
    if as_json:
        print_json(trial.as_json(joining, alone, among))
    else:
        print(("\r" if sys.stderr.isatty() else "") + trial.text(joining, alone, among))


def _say(share: float) -> None:
    """What share is done, to people who wait."""
    if sys.stderr.isatty():
        print(f"\r{share:4.0%} ", end="", file=sys.stderr, flush=True)


app.command()(explain)


def _windows(labels: Path | None) -> dict[str, list[tuple[int, int]]]:
    from halong.replay import ReplayError
    from halong.replay_files import time_ms

    if labels is None:
        return {}
    try:
        given = json.loads(labels.read_text(encoding="utf-8"))
        return {
            name: [(time_ms(begin, str(labels)), time_ms(end, str(labels))) for begin, end in windows]
            for name, windows in given.items()
        }
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise ReplayError(f"{labels} is no JSON of labelled windows: {error}") from None


def _holidays(series: "Sequence[Series]") -> frozenset[int]:
    from ingest.calendar import holidays_vn

    years = {
        datetime.fromtimestamp(int(at) / 1000, UTC).year
        for one in series
        for at in one.at_ms[[0, -1]]
        if len(one.at_ms)
    }
    return holidays_vn(range(min(years), max(years) + 1)) if years else frozenset()
