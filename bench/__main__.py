"""`make bench`: every race, one line each; end to end into both stores; what an edge agent and the live page cost.

`python -m bench outage` takes InfluxDB away for a minute instead; `python -m bench page` times a sensor's byte to the pixel.
"""

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench import agent, detectors, edge_races, ingest_races, live, month, report, routes
from bench.race import SECONDS, Race, run


def races(directory: Path) -> Iterator[Race]:
    """All of them, in the order a reading travels."""
    yield from edge_races.races()
    yield from ingest_races.races(directory)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "what", nargs="?", choices=["all", "outage", "page"], default="all", help="all but outage and page"
    )
    parser.add_argument("--seconds", type=float, default=SECONDS, help="how long each race runs")
    parser.add_argument(
        "--only", default="", help="races whose name contains this; rates, detectors, agent, routes or live"
    )
    chosen = parser.parse_args()
    console = Console(width=150)
    if chosen.what == "outage":
        report.print_outage(console)
        return
    if chosen.what == "page":
        from bench import page  # wants Playwright, which only a developer's machine has

        with console.status("a page before a city of one sensor"):
            seen = page.run()
        console.print(page.report(seen), highlight=False)
        return
    _print_races(console, chosen.only, chosen.seconds)
    if chosen.only in "rates":
        report.print_rates(console)
    if chosen.only in "detectors":
        _print_detectors(console)
    if chosen.only in "agent":
        _print_agent(console, max(10.0, 5 * chosen.seconds))
    if chosen.only in "routes":
        _print_routes(console)
    if chosen.only in "live":
        with console.status(f"{live.CLIENTS} clients of the live stream"):
            heard = live.measure()
        console.print("\n" + live.report(heard), highlight=False)


def _print_detectors(console: Console) -> None:
    table = Table(
        box=None, header_style="bold", title="\nall detectors, one core, every series by its own clock"
    )
    for title in (
        "series",
        "readings/s of processor time",
        "median round",
        "slowest–fastest",
        "plain z-score/s",
        "ratio",
        "bytes a series",
    ):
        table.add_column(title, justify="right")
    for series in detectors.SERIES:
        with console.status(f"{series:,} series"):
            pace = detectors.measure(series)
        table.add_row(
            f"{series:,}",
            f"{pace.processor:,.0f}",
            f"{pace.ours:,.0f}",
            f"{pace.slowest:,.0f}–{pace.fastest:,.0f}",
            f"{pace.plain:,.0f}",
            f"{pace.ours / pace.plain:.4f}",
            f"{pace.bytes_per_series:,}",
        )
    console.print(table)


def _print_routes(console: Console) -> None:
    with console.status("a month of 10,000 sensors") as status:
        timed = routes.measure(status.update)
    table = Table(
        box=None,
        header_style="bold",
        title=f"\nAPI beside the bare database query, {month.SENSORS:,} sensors, {month.DAYS} days every 15 min, ms",
    )
    for title in ("store", "route", "p50", "p95", "bare p50", "bare p95", "ratio p50", "ratio p95", "kB"):
        table.add_column(title, justify="left" if title in ("store", "route") else "right")
    for one in timed:
        figures = (one.ours_p50, one.ours_p95, one.bare_p50, one.bare_p95)
        ratios = (f"{ratio:.2f}" for ratio in one.ratios)
        table.add_row(
            one.store, one.name, *(f"{ms:.1f}" for ms in figures), *ratios, f"{one.bytes / 1000:,.0f}"
        )
    console.print(table)


def _print_races(console: Console, only: str, seconds: float) -> None:
    table = Table(box=None, header_style="bold")
    for title in ("work", "ours", "peer", "ours / peer", "spread", "the peer is"):
        table.add_column(title, justify="left" if title in ("work", "the peer is") else "right")
    with tempfile.TemporaryDirectory() as directory:
        for race in races(Path(directory)):
            if only not in race.name:
                continue
            with console.status(race.name):
                result = run(race, seconds)
            table.add_row(
                race.name,
                f"{result.ours:,.0f} {race.unit}",
                f"{result.peer:,.0f}",
                f"{result.ratio:.2f}",
                f"{result.low:.2f}–{result.high:.2f}",
                race.against,
            )
    if table.rows:
        console.print(table)


def _print_agent(console: Console, seconds: float) -> None:
    with console.status(f"an edge agent with {agent.SENSORS} serial sensors"):
        ours, bare = agent.measure(seconds)
    table = Table(
        box=None, header_style="bold", title=f"\nedge agent, {agent.SENSORS} serial sensors at 1 Hz"
    )
    for title in ("", "CPU", "memory", "written a day", "start-up"):
        table.add_column(title, justify="right" if title else "left")
    for name, usage in (("agent", ours), ("bare pyserial loop", bare)):
        table.add_row(
            name,
            f"{usage.cpu:.1%}",
            f"{usage.rss_mb:.0f} MB",
            f"{usage.written_mb_day:,.0f} MB",
            f"{usage.started_s:.1f} s",
        )
    table.add_row(
        "ratio", f"{ours.cpu / bare.cpu:.1f}" if bare.cpu else "", f"{ours.rss_mb / bare.rss_mb:.1f}"
    )
    console.print(table)


if __name__ == "__main__":
    main()
