"""`make bench`: every race, one line each."""

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench import edge_races, ingest_races
from bench.race import SECONDS, Race, run


def races(directory: Path) -> Iterator[Race]:
    """All of them, in the order a reading travels."""
    yield from edge_races.races()
    yield from ingest_races.races(directory)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="how long each race runs")
    parser.add_argument("--only", default="", help="races whose name contains this")
    chosen = parser.parse_args()
    console = Console(width=150)
    table = Table(box=None, header_style="bold")
    for title in ("work", "ours", "peer", "ours / peer", "spread", "the peer is"):
        table.add_column(title, justify="left" if title in ("work", "the peer is") else "right")
    with tempfile.TemporaryDirectory() as directory:
        for race in races(Path(directory)):
            if chosen.only not in race.name:
                continue
            with console.status(race.name):
                result = run(race, chosen.seconds)
            table.add_row(
                race.name,
                f"{result.ours:,.0f} {race.unit}",
                f"{result.peer:,.0f}",
                f"{result.ratio:.2f}",
                f"{result.low:.2f}–{result.high:.2f}",
                race.against,
            )
    console.print(table)


if __name__ == "__main__":
    main()
