"""What must hold at the end of a run beside the three sets: quarantine explained, nobody crashed, memory bounded."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from halong.chaos.memory import Memory, limit_mb
from halong.chaos.rogue import GATEWAY, SITE
from halong.installation import Paths
from halong.processes import Processes
from storage.book import Book, QuarantineRow
from telemetry.quarantine import Reason

LOOKED_AT = 10_000
SHOWN = 5
NOT_OURS = ("broker", "influxd")
STEP_NOTICED = "system clock stepped, readings keep their time"


def judge(report: Mapping[str, Any], paths: Paths, processes: Processes, memory: Memory) -> dict[str, Any]:
    """The figures of this part, and whether the run passed."""
    with Book(paths.book) as book:
        rows = book.quarantined(LOOKED_AT)
    unexplained = [row for row in rows if not explained(row)]
    reasons: dict[str, int] = {}
    for row in rows:
        reasons[str(row.reason)] = reasons.get(str(row.reason), 0) + row.count
    tracebacks = _tracebacks(paths)
    crashes = [f"{crash.name}: exit code {crash.exit_code} at {crash.at_ms}" for crash in processes.crashes]
    passed = (
        report["balanced"]
        and report["foreign"] == 0
        and not report["bugs"]
        and not (unexplained or tracebacks or crashes or processes.stuck or memory.excessive)
    )
    return {
        "quarantined_by_reason": reasons,
        "quarantine_unexplained": [f"{row.reason}: {row.topic} {row.detail}" for row in unexplained[:SHOWN]],
        "clock_steps_noticed": _said(paths, STEP_NOTICED),
        "crashes": crashes,
        "stuck": processes.stuck,
        "tracebacks": tracebacks,
        "memory_mb": memory.most,
        "memory_excessive": memory.excessive,
        "passed": passed,
    }


def explained(row: QuarantineRow) -> bool:
    """Was it changed by the proxy, or said by the stranger?"""
    return (
        row.reason is Reason.CORRUPTED
        or f"/{GATEWAY}/" in row.topic
        or f"/{SITE}" in row.topic
        or "/zz/" in row.topic
    )


def _said(paths: Paths, words: str) -> int:
    """How often the logs say so."""
    logs = (log.read_text(encoding="utf-8", errors="replace") for log in paths.logs.glob("*.log"))
    return sum(text.count(words) for text in logs)


def _tracebacks(paths: Paths) -> dict[str, int]:
    """How many each log holds; what other people's programs print is theirs."""
    found = {}
    for log in sorted(paths.logs.glob("*.log")):
        count = log.read_text(encoding="utf-8", errors="replace").count("Traceback (most recent call last)")
        if count and log.stem not in NOT_OURS:
            found[log.stem] = count
    return found


def print_verdict(report: Mapping[str, Any], console: Console) -> None:
    """The table: what was done, what it did, and the verdict."""
    table = Table(
        title=f"{report['faults']} faults, seed {report['seed']}, {report['broker']}, {report['store']}"
    )
    for column in ("process", "most MB", "limit MB", "started again"):
        table.add_column(column, justify="left" if column == "process" else "right")
    for name, size in report["memory_mb"].items():
        table.add_row(name, str(size), str(limit_mb(name)), str(report["restarts"].get(name, 0)))
    console.print(table)
    console.print(
        "  " + ", ".join(f"{kind} {count}" for kind, count in report["faults_by_kind"].items()),
        highlight=False,
    )
    if report["not_played"]:
        console.print(
            f"  not played, as it had just ended or may not be limited: {report['not_played']}",
            highlight=False,
        )
    console.print(
        f"  packets meddled with {report['meddled_packets']}   rubbish published {report['rubbish']}"
        f"   clock steps noticed {report['clock_steps_noticed']}   quarantined {report['quarantined_by_reason']}"
        f"   foreign {report['foreign']}",
        highlight=False,
    )
    console.print(f"  answers of the API {report['asked']}", highlight=False)
    for name in ("bugs", "crashes", "stuck", "tracebacks", "quarantine_unexplained", "memory_excessive"):
        if report[name]:
            console.print(f"  [red]{name.replace('_', ' ')}: {report[name]}", highlight=False)
    console.print("[bold green]passed" if report["passed"] else "[bold red]NOT passed")
