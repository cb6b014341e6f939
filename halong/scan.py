"""`halong edge scan`: every port at once, with progress; what was found as a table, as JSON, and as a configuration."""

import asyncio
import os
import re
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from edge import serialports
from edge.scanning import configure, probes
from edge.scanning.found import Found
from edge.scanning.port import Outcome, Plan, PortScan, Report
from edge.serialports import SerialPort
from telemetry.names import did_you_mean

_WORDS = {
    Outcome.SILENT: "silent: no byte at any setting, no answer",
    Outcome.UNKNOWN: "talks, and nothing here understands it",
    Outcome.HELD: "held by",
    Outcome.AWAY: "cannot be opened:",
}


class ScanError(Exception):
    """A scan cannot begin; the message says what to do."""


def ports_of(patterns: Sequence[str]) -> list[SerialPort]:
    """The named ports, else all there are; raises ScanError when there is none, or none like one of the patterns."""
    missing = [pattern for pattern in patterns if not serialports.given([pattern])]
    ports = serialports.given(list(patterns)) if patterns else serialports.found()
    if missing or not ports:
        where = f"no port like {missing[0]}" if missing else "this machine has no serial port"
        raise ScanError(f"{where}: is the adapter plugged in? A port can also be named by its path")
    return ports


def names_of(texts: Sequence[str], ports: Sequence[SerialPort]) -> configure.Names:
    """What --values gives, by the lasting names of the ports. Raises ScanError for a port that is not scanned, ValueError."""
    names: dict[str, Sequence[tuple[str, str]]] = {}
    for port, given in configure.parse_names(texts).items():
        if not port:
            names[""] = given
            continue
        paths = [one.path for one in ports if os.path.realpath(port) == one.device]
        if not paths:
            known = did_you_mean(port, [one.path for one in ports])
            raise ScanError(f"--values: {port} is not among the ports, {known}")
        names[paths[0]] = given
    return names


def units_of(text: str) -> range:
    """`1-10`, or one number; raises ScanError."""
    match = re.fullmatch(r"(\d{1,3})(?:-(\d{1,3}))?", text)
    low, high = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
    if not 1 <= low <= high <= 247:
        raise ScanError(f"--units must be like 1-10, from 1 to 247, not {text!r}")
    return range(low, high + 1)


async def scan(
    ports: Sequence[SerialPort],
    *,
    listen_s: float,
    units: Sequence[int],
    maps: Sequence[str],
    clock: Callable[[], int],
    console: Console,
) -> list[Report]:
    """Scan all ports at once; a bar for each on a terminal, else a line for each step. Raises ScanError."""
    try:
        plan = Plan(listen_s, units, probes.all_maps(maps))
    except ValueError as error:
        raise ScanError(str(error)) from error
    with Progress(
        TextColumn("{task.fields[port]}"),
        BarColumn(20),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
        console=console,
        transient=True,
    ) as bar:

        async def one(port: SerialPort) -> Report:
            task = bar.add_task("", total=1.0, port=escape(port.path))

            def tell(what: str, share: float) -> None:
                bar.update(task, description=what, completed=share if share >= 0 else None)
                if not console.is_terminal:
                    console.print(f"{port.path}: {what}", markup=False, highlight=False, soft_wrap=True)

            report = await PortScan(port.path, plan, clock=clock, tell=tell).run()
            bar.update(task, completed=1.0, description=str(report.outcome))
            return report

        return list(await asyncio.gather(*(one(port) for port in ports)))


def table(ports: Sequence[SerialPort], reports: Sequence[Report]) -> Table:
    """A row for each device, and for each port without one."""
    found = Table("port", "adapter", "what", "setting", "it says", box=None)
    for port, report in zip(ports, reports, strict=True):
        rows = [_row(one) for one in report.found] or [(_without(report), "", "")]
        for row in rows:
            found.add_row(*map(escape, (port.path, port.usb, *row)))
    return found


def _row(found: Found) -> tuple[str, str, str]:
    what = f"{found.protocol} unit {found.unit} {found.map or '?'}" if found.unit else found.protocol
    setting = f"{found.baud} {found.line}" if found.baud else "a pseudo-terminal has none"
    notes = [note for note in (found.note, "" if found.works else "its values need names: --values") if note]
    return what, setting, found.sample + (f" ({'; '.join(notes)})" if notes else "")


def _without(report: Report) -> str:
    detail = f" {report.detail}" if report.detail else ""
    return f"{_WORDS[report.outcome]}{detail}" + (f" ({report.heard} bytes heard)" if report.heard else "")


def as_json(ports: Sequence[SerialPort], reports: Sequence[Report]) -> list[dict[str, Any]]:
    """The same for programs."""
    return [
        {
            "path": port.path,
            "device": port.device,
            "adapter": port.usb,
            "outcome": str(report.outcome),
            "detail": report.detail,
            "heard": report.heard,
            "found": [
                {**one._asdict(), "options": dict(one.options), "works": one.works} for one in report.found
            ],
        }
        for port, report in zip(ports, reports, strict=True)
    ]


def named(reports: Sequence[Report], names: configure.Names) -> list[Report]:
    """With the names that --values gives."""
    return [
        report._replace(found=tuple(configure.named(one, report.path, names) for one in report.found))
        for report in reports
    ]


def write(file: Path, header: configure.Header, reports: Sequence[Report], *, force: bool) -> int:
    """Write the configuration; how many devices it reads. Raises ScanError, OSError."""
    if file.exists() and not force:
        raise ScanError(f"{file} is there already: give another name, or --force to replace it")
    text = configure.written(header, [configure.Port(one.path, one.found) for one in reports if one.found])
    file.write_text(text, encoding="utf-8")
    return text.count("\nsensor = ")


def gateway_name() -> str:
    """This machine's name as a gateway id."""
    return re.sub("[^a-z0-9-]+", "-", f"gw-{socket.gethostname().lower()}").strip("-")[:64]
