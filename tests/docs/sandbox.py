"""A small real installation for the documents' commands: broker, hub, gateway and sensor on one machine, in one directory.

What the documents name is there: sensors, an alarm, entries in quarantine, a second adapter, an empty InfluxDB.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import monotonic, sleep, time_ns
from typing import NamedTuple

from halong.client import ApiError, Client, UnreachableError
from halong.installation import free_port
from storage import alarms, quiet
from storage.amendments import Pages
from storage.book import Book
from storage.keys import Keys, Role, write_key
from telemetry.anomaly import AnomalyKind
from telemetry.corrections import Correction
from telemetry.inventory import Sensor, Site
from telemetry.messages import Birth
from telemetry.packs import encode_pack
from telemetry.quarantine import Quarantined, Reason
from telemetry.reading import Reading
from tests.api.conftest import alarm

ROOT = Path(__file__).parents[2]
SITE = Site("bai-chay", "Bãi Cháy", 20.953, 107.043, "beach")
OLD = (
    Sensor("bai-chay-air-1", "x", ("noise_laeq", "humidity"), 0.0, "Trạm"),
    Sensor("meter-3", "x", ("energy",), 0.0, "Công tơ"),
    Sensor("pm-1", "x", ("pm25",), 0.0, "Bụi"),
)
PATIENCE_S = 60.0
EDGE = """\
gateway = "gw-bai-chay"
[site]
id = "bai-chay"
name = "Bãi Cháy"
latitude = 20.953
longitude = 107.043
[broker]
url = "mqtt://127.0.0.1:{broker}"
[clock]
trust = "system"
[[serial]]
path = "./dust"
protocol = "pms5003"
sensor = "bai-chay-pm-1"
"""
HUB = """\
data = "halong-data"
[broker]
url = "mqtt://127.0.0.1:{broker}"
[api]
port = {api}
[[alarms.channels]]
name = "ops"
kind = "mqtt"
url = "mqtt://127.0.0.1:{broker}"
topic = "city/alarms"
"""


class Place(NamedTuple):
    """Where commands are typed, with what, and what stands for the documents' addresses."""

    directory: Path
    environment: dict[str, str]
    broker: str
    api: str
    influx: str
    tmp: Path


def programs(directory: Path) -> dict[str, str]:
    """An environment in which `halong` is this tree's, whatever is installed."""
    place = directory / "bin"
    place.mkdir()
    for name, module in (("halong", "-m halong"), ("python", "")):
        script = place / name
        script.write_text(f'#!/bin/sh\nexec "{sys.executable}" {module} "$@"\n', encoding="utf-8")
        script.chmod(0o755)
    path = f"{place}:{os.environ['PATH']}:/usr/sbin"
    return {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "COLUMNS": "160"}


def fill(book: Book, now_ms: int) -> str:
    """What the pages' examples speak of, under the numbers they have there; returns an operator's key."""
    then_ms = now_ms - 3_600_000
    book.register(Birth("gw-old", SITE, OLD, (1, 1), then_ms), then_ms)
    with book.writing() as database:
        changes = {"start_ms": then_ms, "opened_ms": then_ms, "sensors": ("pm-1",), "anomalies": ()}
        alarms.put(database, [alarm("a5f482c0a0a9b2110", **changes)])
        for number in range(2):  # the examples' own are numbers 3 and 4
            mute = quiet.Mute(
                0, f"s-{number}", "pm25", AnomalyKind.SPIKE, "false", "", "test", now_ms, now_ms + 1
            )
            quiet.mute(database, mute)
        quiet.begin(database, quiet.Maintenance(0, "hon-gai", "", then_ms, now_ms + 1, "", "test", now_ms))
    # The examples' own are numbers 2 and 3.
    Pages(book).correct("pm-1", "pm25", Correction(), then_ms, now_ms, who="test", reason="", now_ms=now_ms)
    for number in range(14):
        reason = Reason.IMPOSSIBLE_TIME if number >= 11 else Reason.NOT_OWNER
        reading = Reading("pm-1", "pm25", then_ms + number * 1000, 9.0)
        payload = json.dumps(json.loads(encode_pack(SITE.id, [reading]))[0]).encode()
        book.quarantine([Quarantined(reason, "example", "halong/v1/up/x", "gw-old", "pm-1", payload)], now_ms)
    mine = [_key(book, name, now_ms) for name in ("0" * 12, "0123456789ab")]  # the second is revoked
    return mine[0]


def _key(book: Book, name: str, now_ms: int) -> str:
    text = write_key(name, "k" * 43)
    Keys(book).add(text, name, Role.OPERATOR, by="test", now_ms=now_ms)
    return text


@contextmanager
def running(place: Path, environment: dict[str, str], *command: str) -> Iterator["subprocess.Popen[bytes]"]:
    """A program with its output in a file of its name; it is told to leave at the end, and killed if it does not."""
    with (place / f"{command[0]}-{command[1].strip('-')}.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=place, env=environment, stdout=log, stderr=log)
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def city(directory: Path, influx: str) -> Iterator[Place]:
    """Broker, hub, agent and sensor; readings flow when it is given."""
    broker, api = free_port(), free_port()
    environment = programs(directory)
    (directory / "edge.toml").write_text(EDGE.format(broker=broker), encoding="utf-8")
    (directory / "hub.toml").write_text(HUB.format(broker=broker, api=api), encoding="utf-8")
    data = directory / "halong-data"
    (data / "gateways").mkdir(parents=True)
    (data / "gateways" / "gw-bai-chay").symlink_to(directory)  # where `halong up` has its agents
    with Book(data / "book.sqlite") as book:
        environment["HALONG_KEY"] = fill(book, time_ns() // 1_000_000)
    with ExitStack() as stack:
        for command in (
            ("mosquitto", "-p", str(broker)),
            ("halong", "sim", "device", "pms5003", "--pty", "./dust", "--record", "truth.jsonl"),
            ("halong", "sim", "device", "sds011", "--pty", "./usb0", "--record", "usb0.jsonl"),
            ("halong", "hub", "hub.toml"),
            ("halong", "edge", "run", "edge.toml"),
        ):
            stack.enter_context(running(directory, environment, *command))
        url = f"http://127.0.0.1:{api}"
        _until_it_flows(Client(url, key=environment["HALONG_KEY"]))
        yield Place(directory, environment, f"mqtt://127.0.0.1:{broker}", url, influx, directory)


def _until_it_flows(client: Client) -> None:
    deadline = monotonic() + PATIENCE_S
    while True:
        try:
            if any(row.sensor == "bai-chay-pm-1" for row in client.latest()):
                return
        except (ApiError, UnreachableError):
            pass
        assert monotonic() < deadline, "no reading came through"
        sleep(0.2)
