"""Servers and processes of a measurement: started on free ports, stopped at the end, their CPU and memory from /proc."""

import http.client
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from halong import broker
from halong.influxd import answers, write_config
from halong.installation import free_port

START_S = 30.0
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class Server(NamedTuple):
    """A running one."""

    pid: int
    port: int


def module(name: str, *arguments: str) -> list[str]:
    """The command line of one of our modules."""
    return [sys.executable, "-m", name, *arguments]


@contextmanager
def running(command: Sequence[str], log: Path | None = None) -> Iterator[int]:
    """The process id; its output goes to `log` or nowhere."""
    with (log or Path(os.devnull)).open("ab") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        yield process.pid
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def influxd(directory: Path, port: int | None = None) -> Iterator[Server]:
    """The installed InfluxDB with its data in `directory`, which may hold some already."""
    program = shutil.which("influxd")
    if program is None:
        raise FileNotFoundError("influxd is not installed: run scripts/servers.sh")
    http_port, rpc_port = port or free_port(), free_port()
    directory.mkdir(parents=True, exist_ok=True)
    config = write_config(http_port, rpc_port, directory)
    with running([program, "-config", str(config)], directory / "influxd.log") as pid:
        wait_for(lambda: answers(http_port))
        yield Server(pid, http_port)


@contextmanager
def mosquitto(directory: Path) -> Iterator[Server]:
    """The broker `halong up` would start, with its default limits."""
    port = free_port()
    with running(broker.command(broker.choose(), port, directory), directory / "broker.log") as pid:
        wait_for(lambda: _listens(port))
        yield Server(pid, port)


def wait_for(ready: Callable[[], bool], seconds: float = START_S) -> None:
    """Until it is so; TimeoutError."""
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise TimeoutError("the benchmark's processes do not start")
        time.sleep(0.02)


def cpu_s(pid: int) -> float:
    """CPU seconds of the process so far, all threads, those that ended too."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_A_SECOND


def rss_mb(pid: int) -> float:
    """Resident memory now, MB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * PAGE_BYTES / 1e6


def query(port: int, database: str, statement: str) -> bytes:
    """InfluxDB's answer to one InfluxQL statement."""
    from urllib.parse import urlencode

    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        body = urlencode({"db": database, "epoch": "ms", "q": statement})
        connection.request("POST", "/query", body, {"Content-Type": "application/x-www-form-urlencoded"})
        return connection.getresponse().read()
    finally:
        connection.close()


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
