"""`halong edge status`: the status file of an agent as a table."""

import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from edge import statusfile
from edge.settings import EdgeConfig
from edge.status import OK, WAITING, Status, config_hash
from telemetry.messages import PortCounters, SensorCounters

MISSED = 3  # writings of the file, and the agent does not run


def show(config: EdgeConfig, now_ms: int, *, as_json: bool) -> bool:
    """Print the status of the agent with this configuration; whether all is well. Raises StatusError."""
    status = statusfile.read(statusfile.beside(Path(config.journal.path)))
    wrong = list(complaints(status, config, now_ms))
    if as_json:
        content = {**msgspec.to_builtins(status), "complaints": wrong}
        sys.stdout.write(msgspec.json.encode(content).decode() + "\n")
        return not wrong
    console = Console(soft_wrap=True, highlight=False)
    console.print(
        f"{status.gateway} at {status.site}, version {status.version}, configuration {status.config}"
    )
    clock = status.clock.source or "not trusted yet"
    console.print(
        f"running {age(status.started_ms, now_ms)}, looked {age(status.time_ms, now_ms)} ago, clock: {clock}"
    )
    console.print(
        f"accepted {status.accepted} readings, {status.duplicates} twice; {status.journal.packs_waiting} packs wait"
        f"{_since(status.journal.oldest_waiting_ms, now_ms)}, {status.journal.packs_given_up} given up,"
        f" journal {status.journal.bytes / 1e6:.1f} MB"
    )
    hub = "connected" if status.broker_connected else "away"
    console.print(f"broker {hub}, last acknowledgement {_ago(status.last_ack_ms, now_ms)}")
    console.print(_ports(status.ports))
    console.print(_sensors(status.sensors, now_ms))
    for complaint in wrong:
        console.print(f"[red]{complaint}[/red]")
    return not wrong


def complaints(status: Status, config: EdgeConfig, now_ms: int) -> Iterator[str]:
    """What is not well, one line each."""
    if now_ms - status.time_ms > MISSED * status.every_s * 1000:
        yield f"the agent does not run: it looked last {age(status.time_ms, now_ms)} ago"
    if status.config_problem:
        yield f"a newer configuration was refused: {status.config_problem}"
    elif status.config != config_hash(config):
        yield "the agent runs with another configuration than the one in the file: reload it"
    if not status.clock.source:
        yield f"no clock is trusted yet: {status.clock.undated} readings wait for a date"
    if status.journal.trouble:
        yield f"the journal cannot be written: {status.journal.trouble}"
    if not status.broker_connected:
        yield "the broker is away"
    for port in status.ports:
        if not port.up:
            yield f"port {port.name} is away{f': {port.problem}' if port.problem else ''}"
        for device in port.devices:
            if device.unanswered_in_a_row:
                yield f"{device.sensor} on {port.name} left {device.unanswered_in_a_row} questions in a row unanswered"
    for sensor in status.sensors:
        if sensor.health not in (OK, WAITING):
            yield f"sensor {sensor.id} is {sensor.health}"


def _ports(ports: tuple[PortCounters, ...]) -> Table:
    table = Table("port", "", "frames", "bad", "readings", "lost")
    for port in ports:
        up = "up" if port.up else "[red]away[/red]"
        table.add_row(port.name, up, *map(str, (port.frames, port.bad, port.readings, port.lost)))
        for one in port.devices:
            table.add_row(f"  {one.sensor}", f"{one.unanswered} of {one.asked} unanswered", "", str(one.bad))
    return table


def _sensors(sensors: tuple[SensorCounters, ...], now_ms: int) -> Table:
    table = Table("sensor", "", "expected", "read", "bad", "late", "twice", "last")
    for one in sensors:
        health = one.health if one.health in (OK, WAITING) else f"[red]{one.health}[/red]"
        due = "-" if one.expected is None else str(one.expected)
        counts = map(str, (one.read, one.bad, one.late, one.duplicate))
        table.add_row(one.id, health, due, *counts, _ago(one.last_ms, now_ms))
    return table


def age(then_ms: int, now_ms: int) -> str:
    """12 s, 3 min, 5 h, 9 d.

    >>> age(0, 89_000), age(0, 90_000), age(0, 3 * 3_600_000), age(0, 50 * 3_600_000)
    ('89 s', '2 min', '3 h', '2 d')
    """
    seconds = max(0, now_ms - then_ms) / 1000
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 1.5 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def _ago(then_ms: int | None, now_ms: int) -> str:
    return "never" if then_ms is None else f"{age(then_ms, now_ms)} ago"


def _since(then_ms: int | None, now_ms: int) -> str:
    return "" if then_ms is None else f", the oldest {age(then_ms, now_ms)}"
