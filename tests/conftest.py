"""Real servers for the tests that need them: one influxd and one mosquitto a session, on free ports of 127.0.0.1."""

import http.client
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import settings

from halong.influxd import write_config

START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 20.0

MOSQUITTO_CONFIG = "listener {port} 127.0.0.1\nallow_anonymous true\n"

# A busy machine is no error: no deadline. `make fuzz` tries twenty times as much.
settings.register_profile("quick", deadline=None)
settings.register_profile("fuzz", deadline=None, max_examples=2000)
settings.load_profile(os.environ.get("HALONG_HYPOTHESIS", "quick"))


@pytest.fixture(scope="session")
def influxd_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`http://127.0.0.1:PORT` of a real InfluxDB 1.6 with an empty data directory."""
    with _influxd(tmp_path_factory.mktemp("influxd")) as url:
        yield url


@pytest.fixture(scope="session")
def strict_influxd_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Another that asks who is there (create the first user as admin) and takes bodies of up to 20,000 bytes."""
    options = "  auth-enabled = true\n  max-body-size = 20000"
    with _influxd(tmp_path_factory.mktemp("strict-influxd"), options) as url:
        yield url


@contextmanager
def _influxd(directory: Path, http_options: str = "") -> Iterator[str]:
    http_port, rpc_port = _free_ports(2)
    config = write_config(http_port, rpc_port, directory, http_options)
    with _server("influxd", ["-config", str(config)], directory, lambda: _influxd_answers(http_port)):
        yield f"http://127.0.0.1:{http_port}"


@pytest.fixture
def influx_database() -> str:
    """The name of a database no other test of this session uses; it does not exist yet."""
    return f"halong_{uuid4().hex[:12]}"


@pytest.fixture(scope="session")
def mosquitto_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`mqtt://127.0.0.1:PORT` of a real mosquitto with its default limits."""
    directory = tmp_path_factory.mktemp("mosquitto")
    (port,) = _free_ports(1)
    config = directory / "mosquitto.conf"
    config.write_text(MOSQUITTO_CONFIG.format(port=port), encoding="utf-8")
    with _server("mosquitto", ["-c", str(config)], directory, lambda: _listens(port)):
        yield f"mqtt://127.0.0.1:{port}"


@contextmanager
def _server(name: str, arguments: list[str], directory: Path, ready: Callable[[], bool]) -> Iterator[None]:
    """The program runs inside the context, its output goes to a file in `directory`."""
    program = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin:/usr/local/bin")
    if program is None:
        pytest.fail(f"{name} is not installed: run scripts/servers.sh", pytrace=False)
    log = directory / f"{name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [program, *arguments], stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        deadline = time.monotonic() + START_TIMEOUT_S
        while not ready():
            if process.poll() is not None or time.monotonic() > deadline:
                words = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
                pytest.fail(
                    f"{name} did not start: {words[-1] if words else 'it said nothing'}", pytrace=False
                )
            time.sleep(0.02)
        yield
    finally:
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _free_ports(number: int) -> list[int]:
    sockets = [socket.socket() for _ in range(number)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _influxd_answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        connection.request("GET", "/ping")
        return connection.getresponse().status == 204
    except OSError:
        return False
    finally:
        connection.close()
