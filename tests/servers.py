"""Real servers for the tests: their own processes on free ports of 127.0.0.1, stopped when the block ends."""

import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from halong import influxd as influx
from halong.broker import mosquitto_path
from halong.installation import free_port

START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 20.0

MOSQUITTO_CONFIG = "listener {port} 127.0.0.1\nallow_anonymous true\n"


@contextmanager
def influxd(directory: Path, http_options: str = "") -> Iterator[str]:
    """`http://127.0.0.1:PORT` of an InfluxDB 1.6 with its data in `directory`; `http_options` are TOML lines."""
    port = free_port()
    config = influx.write_config(port, free_port(), directory, http_options)
    command = [influx.influxd_path(), "-config", str(config)]
    with running("influxd", command, directory, lambda: influx.answers(port)):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def mosquitto(directory: Path) -> Iterator[str]:
    """`mqtt://127.0.0.1:PORT` of a mosquitto with its default limits."""
    port = free_port()
    config = directory / "mosquitto.conf"
    config.write_text(MOSQUITTO_CONFIG.format(port=port), encoding="utf-8")
    with running("mosquitto", [mosquitto_path(), "-c", str(config)], directory, lambda: listens(port)):
        yield f"mqtt://127.0.0.1:{port}"


@contextmanager
def running(
    name: str, command: Sequence[str | Path | None], directory: Path, ready: Callable[[], bool]
) -> Iterator[None]:
    """The program runs inside the context and is `ready`; its output goes to a file in `directory`."""
    program, *arguments = command
    if program is None:
        pytest.fail(f"{name} is not installed: run scripts/servers.sh", pytrace=False)
    log = directory / f"{name}.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [program, *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
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


def listens(port: int) -> bool:
    """Whether somebody answers on that port of 127.0.0.1."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
