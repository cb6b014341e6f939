"""`halong detect`: the detectors on files, on benchmarks, and on what the hub has seen."""

import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import msgspec
import typer

from halong.cli.records import DATA, AsJson, Data, check_sensor, no_sensor, opened, print_json, shown
from halong.cli.remote import Remote, Url
from halong.console import TIME, fail, instant_ms
from ingest import usual, words
from telemetry.times import CITY_OFFSET_MS
from telemetry.usual import UsualHour

if TYPE_CHECKING:
    from halong.replay import Series

app = typer.Typer(
    no_args_is_help=True, help="The detectors: replay files, score them, ask why something was flagged."
)


NAB = Path("../shared/data/nab")


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
    chart: Annotated[bool, typer.Option(help="An SVG beside each file: value, band, what was told.")] = False,
    labels: Annotated[
        Path | None, typer.Option(help="JSON {file: [[from, to], …]}: windows to draw, as in NAB.")
    ] = None,
) -> None:
    """Run files through the detectors and write them again with anomaly_score (0 to 1) and flags.

    Row by row, in one pass: nothing of a file's name, length or later rows is used. Flags are the kinds that begin at
    the row, joined by |, and empty when nothing alerts. All files of a folder are judged side by side, each by itself.
    """
    from halong import detect_chart
    from halong import replay as files

    if labels is not None and not chart:
        raise fail("--labels goes with --chart: they are drawn into it", 2)
    try:
        windows = _windows(labels)
        series = [files.read(source, path) for path in files.find(source)]
        if labels is not None and not any(one.path.as_posix() in windows for one in series):
            raise files.ReplayError(f"{labels} names none of the files in {source}")
        days = _holidays(series) if holidays else frozenset()
        files.judge(series, periods_s=[period] * len(series), holidays=days, bands=chart)
        for one in series:
            files.write(one, out)
            if chart:
                picture = detect_chart.svg(one, windows.get(one.path.as_posix(), ()))
                (out / one.path.with_suffix(".svg")).write_text(picture, encoding="utf-8")
    except files.ReplayError as error:
        raise fail(str(error), 2) from None
    except OSError as error:
        raise fail(f"cannot write to {out}: {error.strerror or error}", 2) from None
    rows, told = (
        sum(len(one.rows) for one in series),
        sum(bool(kinds) for one in series for kinds in one.told),
    )
    print(f"{len(series)} files, {rows:,} rows, {told} alerts: {out}")


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
    period: Annotated[
        float, typer.Option(min=1, max=300, help="Seconds between the readings of a sensor.")
    ] = 300.0,
    gateways: Annotated[int, typer.Option(min=1, max=12, help="How many places of the city.")] = 12,
    seed: Annotated[int, typer.Option(help="The same seed gives the same city and the same faults.")] = 7,
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
    period: Annotated[
        float, typer.Option(min=1, max=300, help="Seconds between the readings of a sensor.")
    ] = 300.0,
    gateways: Annotated[int, typer.Option(min=1, max=12, help="How many places of the city.")] = 12,
    seed: Annotated[int, typer.Option(help="The same seed gives the same city and the same faults.")] = 7,
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


@app.command()
def explain(
    sensor: Annotated[str, typer.Argument(help="The sensor's id, or a gateway's.")],
    at: Annotated[str, typer.Option(help=f"When: {TIME}.")],
    data: Data = DATA,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Why a sensor (or gateway) was told of at a time: each anomaly that lasted then, with what was expected, the band and the
    score; and what is usual for each of its quantities at that hour.

    Read from the hub's book, also while it runs, or asked of its API (--url). Nothing to explain is no error.
    """
    at_ms = instant_ms(at, "--at")
    if url is not None:
        found, hours = _asked(Remote(url), sensor, at_ms)
    else:
        found, hours = _looked_up(data, sensor, at_ms)
    if as_json:
        print_json(found)
        return
    for one in found:
        print(f"{one['text']}\n{one['text_vi']}")
        bounded = one["low"] is not None and one["high"] is not None
        band = f", usual {one['low']:.6g} to {one['high']:.6g}" if bounded else ""
        expected = "" if one["expected"] is None else f", expected {one['expected']:.6g}"
        value = "" if one["value"] is None else f", value {one['value']:.6g}"
        print(f"  {one['kind']} from {shown(one['start_ms'])}, score {one['score']:g}{value}{expected}{band}")
    if not found:
        print(f"{sensor} had no anomaly at {shown(at_ms)}")
    for quantity, hour in sorted(hours.items()):
        if hour.low is not None and hour.high is not None and hour.expected is not None:
            when = words.at_hour(hour.start_ms + CITY_OFFSET_MS, hour.holiday)
            print(
                f"  {words.title(quantity)}: usual for {when} is {words.band(quantity, hour.low, hour.high)},"
                f" expected {words.amount(quantity, hour.expected)} (as it is known now)"
            )


def _looked_up(data: Path, sensor: str, at_ms: int) -> tuple[list[dict[str, Any]], dict[str, UsualHour]]:
    with opened(data) as book:
        found = book.anomalies(sensor=sensor, start_ms=at_ms, end_ms=at_ms + 1, limit=100)
        quantities = next((row.quantities for row in book.sensors() if row.id == sensor), ())
        if not found and sensor not in [row.id for row in book.gateways()]:
            check_sensor(book, sensor)
        hours = {one: usual.hours(book, sensor, one, at_ms, at_ms + 1)[0] for one in quantities}
    return [msgspec.to_builtins(one) for one in found], hours


def _asked(hub: Remote, sensor: str, at_ms: int) -> tuple[list[dict[str, Any]], dict[str, UsualHour]]:
    span = {"start": str(at_ms), "end": str(at_ms + 1)}
    found = hub.listed("/v1/anomalies", 100, sensor=sensor, **span)["items"]
    known = {row["id"]: row for row in hub.get("/v1/sensors")["items"]}
    if not found and sensor not in known:
        gateways = [row["id"] for row in hub.get("/v1/gateways")["items"]]
        if sensor not in gateways:
            raise no_sensor(sensor, known)
    quantities = [one["name"] for one in known[sensor]["quantities"]] if sensor in known else []
    hours = {}
    for quantity in quantities:
        (item,) = hub.get(f"/v1/sensors/{quote(sensor, safe='')}/usual", quantity=quantity, **span)["items"]
        hours[quantity] = UsualHour(
            item["t"],
            item["low"],
            item["expected"],
            item["high"],
            item["holiday"] or "",
            item["holiday_vi"] or "",
        )
    return found, hours


def _windows(labels: Path | None) -> dict[str, list[tuple[int, int]]]:
    from halong.replay import ReplayError, time_ms

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
