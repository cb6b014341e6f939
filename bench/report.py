"""The end-to-end figures in words."""

import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench import outage, rates, stages
from bench.gateways import PACK_READINGS

OUTAGE_S = 60.0
LIVE_S = 10.0  # of the outage: stands for the edge's five minutes
SHARE = 8  # of the rate measured just before


def print_rates(console: Console, rounds: int = rates.ROUNDS) -> None:
    """End to end over the bare store, for both stores; the steps of ingest."""
    with console.status("packs of 100 over MQTT into InfluxDB"):
        ours, bare = rates.influx(rounds=rounds)
    with console.status("packs of 100 over MQTT into DuckDB"):
        duck, bare_rows = rates.embedded(rounds=rounds)
    with console.status("the steps of ingest"):
        steps = stages.measure()
    table = Table(box=None, header_style="bold", title="\npacks of 100 over MQTT → stored, detectors on")
    for title in ("", "readings/s", "CPU s per million: ours", "the store's", "the broker's", "the load's"):
        table.add_column(title, justify="right" if title else "left")
    rows = (
        ("into InfluxDB", ours),
        (f"the same lines ready-made, {rates.IN_FLIGHT} in flight", bare),
        ("into DuckDB", duck),
    )
    for name, figures in rows:
        inside = name == "into DuckDB"
        store = "in ours" if inside else f"{figures.store:.2f}"
        table.add_row(
            name,
            f"{figures.rate:,.0f}",
            f"{figures.ours:.2f}",
            store,
            f"{figures.broker:.2f}",
            f"{figures.load:.2f}",
        )
    table.add_row("bare numpy appends into DuckDB", f"{bare_rows:,.0f}")
    console.print(table)
    cpu = ours.ours / ours.store
    console.print(
        f"end to end / ready-made lines {ours.rate / bare.rate:.2f} (goal 0.3);"
        f" ingest's CPU / influxd's {cpu:.2f} (goal 1.0), / influxd's alone with ready-made lines"
        f" {ours.ours / bare.store:.2f};"
        f" DuckDB end to end / bare appends {duck.rate / bare_rows:.3f} (goal 0.2)",
        highlight=False,
    )
    total = sum(
        spent for name, spent in steps.items() if name not in ("for DuckDB", "survey of each reading")
    )
    detectors = steps["judge (detectors)"] + steps["survey by the minute"]
    console.print(
        "ingest, µs CPU a reading: "
        + ", ".join(f"{name} {spent:.2f}" for name, spent in steps.items())
        + f"; detectors are {detectors / total:.0%} of the way to InfluxDB without MQTT and HTTP",
        highlight=False,
    )


def print_outage(console: Console, down_s: float = OUTAGE_S) -> None:
    """InfluxDB away for a minute at an eighth of the rate measured before."""
    with console.status("the highest rate"):
        best, _ = rates.influx(rounds=1)
    packs_a_second = best.rate / SHARE / rates.GATEWAYS / PACK_READINGS
    with (
        console.status(f"InfluxDB is away for {down_s:.0f} s"),
        tempfile.TemporaryDirectory(prefix="halong-bench-") as name,
    ):
        report = outage.run(
            Path(name),
            gateways=rates.GATEWAYS,
            packs_a_second=packs_a_second,
            before_s=10.0,
            down_s=down_s,
            after_s=down_s,
            live_s=LIVE_S,
        )
    grown = report.rss_highest_mb - report.rss_before_mb
    console.print(
        f"InfluxDB away for {down_s:.0f} s at {report.arriving:,.0f} readings/s"
        f" (an eighth of {best.rate:,.0f}): {report.waiting:,} readings waited at the edge\n"
        f"stored {report.stored:,} of {report.readings:,}; stored again {report.resumed_s:.1f} s after the server answered,"
        f" nothing waits {report.drained_s:.1f} s after it\n"
        f"drained at {report.draining:,.0f}/s = {report.draining / report.arriving:.1f} × the arrival rate (goal 5);"
        f" {report.overtaken:,} waiting packs were overtaken by live ones\n"
        f"ingest's memory {report.rss_before_mb:.0f} MB before, {report.rss_highest_mb:.0f} MB at most:"
        f" {grown:+.0f} MB (bound {outage.BOUND_MB:.0f} MB)",
        highlight=False,
    )
