"""The hub as a process: what a user can cause is one clear line, an absent broker is a state, SIGINT is an orderly end."""

import json
import resource
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import monotonic, sleep

import pytest

import halong.hub
from halong.installation import free_port
from runtime.config import load
from storage.book import Book

NOBODY = "mqtt://127.0.0.1:1"  # nothing listens on port 1


def config(directory: Path, port: int, name: str = "hub.toml") -> Path:
    path = directory / name
    path.write_text(
        f'data = "{directory / "data"}"\n[broker]\nurl = "{NOBODY}"\n[api]\nport = {port}\n', encoding="utf-8"
    )
    return path


@contextmanager
def hub(path: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "halong", "hub", str(path)], stderr=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def answer(url: str) -> tuple[int, dict[str, object]]:
    """Status and document, as soon as somebody answers."""
    deadline = monotonic() + 30
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5) as reply:
                return reply.status, json.load(reply)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)
        except OSError:
            if monotonic() > deadline:
                raise
            sleep(0.1)


def test_without_a_broker_it_serves_and_says_so_and_leaves_in_order(tmp_path: Path) -> None:
    port = free_port()
    with hub(config(tmp_path, port)) as process:
        status, document = answer(f"http://127.0.0.1:{port}/readyz")
        assert (status, document["checks"]) == (503, {"broker": False, "store": True, "clock": True})
        assert answer(f"http://127.0.0.1:{port}/healthz")[0] == 200
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=20)
    assert process.returncode == 0
    assert "Traceback" not in said
    assert said.count("broker away, trying again") == 1


def test_connections_that_ask_nothing_leave_when_there_is_no_room(tmp_path: Path) -> None:
    port = free_port()
    with hub(config(tmp_path, port)) as process:
        url = f"http://127.0.0.1:{port}/healthz"
        assert answer(url)[0] == 200
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (128, 128))
        with ExitStack() as crowd:
            for _ in range(200):
                crowd.enter_context(socket.create_connection(("127.0.0.1", port), 20))
            assert answer(url)[0] == 200
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=20)
    assert process.returncode == 0
    assert "Traceback" not in said
    assert 1 <= said.count("too many connections, turning others away") < 20


def refused(path: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "halong", "hub", str(path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode not in (0, -signal.SIGKILL)
    (line,) = done.stderr.strip().splitlines()
    return line


def test_a_port_in_use_is_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"cannot listen on 127.0.0.1:{port}" in refused(config(tmp_path, port))


def test_a_store_in_use_is_one_line(tmp_path: Path) -> None:
    port = free_port()
    with hub(config(tmp_path, port)):
        answer(f"http://127.0.0.1:{port}/healthz")
        assert "is owned by process" in refused(config(tmp_path, free_port(), "second.toml"))


@pytest.mark.parametrize("at", [0, 4096 * 5])
def test_a_damaged_book_is_one_line_that_says_what_to_do(tmp_path: Path, at: int) -> None:
    path = config(tmp_path, free_port())
    with Book(tmp_path / "data" / "book.sqlite"):
        pass
    with (tmp_path / "data" / "book.sqlite").open("r+b") as file:
        file.seek(at)
        file.write(b"\xa5" * 4096 * 20)
    line = refused(path)
    assert line.startswith(f"halong: cannot use the book {tmp_path}/data/book.sqlite: ")
    assert "halong restore" in line


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[api]\nprot = 1\n", "did you mean 'port'"),
        ("[api]\nport = 99999\n", "api.port must be"),
        ('[broker]\nurl = "amqp://x"\n', "must look like mqtt://"),
        ('[store]\nurl = "sqlite:x"\n', "must look like duckdb:FILE"),
        ("data = 5\n", "data"),
    ],
)
def test_a_mistake_in_the_configuration_is_one_line(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "hub.toml"
    path.write_text(text, encoding="utf-8")
    assert words in refused(path)


@pytest.mark.parametrize("part", ["ingest", "api"])
def test_the_embedded_store_belongs_to_the_hub(tmp_path: Path, part: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "halong", part, str(config(tmp_path, 1))],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.strip().count("\n") == 0
    assert "belongs to one process" in done.stderr


def test_the_sample_shows_every_key_with_its_default() -> None:
    sample = Path(halong.hub.__file__).with_name("hub.sample.toml")
    settings = load(sample, halong.hub.HubConfig)
    halong.hub.check(settings)
    assert settings == halong.hub.HubConfig()
    keys = {line.partition("=")[0].strip() for line in sample.read_text(encoding="utf-8").splitlines()}
    assert keys >= {"data", "url", "root", "host", "port"}
