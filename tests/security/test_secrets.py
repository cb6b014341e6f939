"""Secrets of hub and agent stand in no log, command line, file or answer, also while servers refuse them."""

import base64
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from halong.broker import mosquitto_path
from halong.installation import free_port
from tests.servers import listens, running

ROOT = Path(__file__).parents[2]
BROKER_SECRET, STORE_SECRET, EDGE_SECRET = "b-Zq7-geheim", "s-Xw9-geheim", "e-Kp3-geheim"


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[int]:
    """A mosquitto that knows the user `hub` with the right password, and nobody else."""
    port, passwords = free_port(), tmp_path / "passwords"
    subprocess.run(["mosquitto_passwd", "-c", "-b", passwords, "hub", BROKER_SECRET], check=True)
    config = tmp_path / "mosquitto.conf"
    config.write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous false\npassword_file {passwords}\nuser root\n"
    )
    with running("mosquitto", [mosquitto_path(), "-c", config], tmp_path, lambda: listens(port)):
        yield port


def everywhere(directory: Path, left_out: set[Path]) -> bytes:
    """All bytes that were written below the directory."""
    return b"\n".join(
        path.read_bytes() for path in directory.rglob("*") if path.is_file() and path not in left_out
    )


def traces(secret: str) -> list[bytes]:
    """As it is, and as HTTP carries it."""
    return [secret.encode(), base64.b64encode(f"halong:{secret}".encode())]


def test_secrets_go_to_their_server_and_nowhere_else(
    tmp_path: Path, broker: int, strict_influxd_url: str
) -> None:
    port, data = free_port(), tmp_path / "data"
    (tmp_path / "hub.toml").write_text(
        f'data = "{data}"\n[broker]\nurl = "mqtt://hub@127.0.0.1:{broker}"\n'
        f'[store]\nurl = "{strict_influxd_url}/secrets"\n[api]\nport = {port}\n'
    )
    password = tmp_path / "edge.password"  # a wrong one: refusals are the moment when secrets are told
    password.write_text(EDGE_SECRET + "\n")
    (tmp_path / "edge.toml").write_text(f"""
gateway = "gw-1"
site = {{ id = "s", name = "S", latitude = 20.9, longitude = 107.0 }}
broker = {{ url = "mqtt://edge@127.0.0.1:{broker}", password_file = "edge.password" }}
journal = {{ path = "data/journal.db", max_mb = 16 }}
""")
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "HALONG_BROKER_PASSWORD": BROKER_SECRET,
        "HALONG_STORE_SECRET": f"halong:{STORE_SECRET}",
    }
    agents_own = {key: value for key, value in environment.items() if not key.startswith("HALONG_")}
    processes = []
    for name, words, variables in (
        ("hub", ["hub", "hub.toml"], environment),
        ("edge", ["edge", "run", "edge.toml"], agents_own),
    ):
        log = (tmp_path / f"{name}.log").open("wb")
        command = [sys.executable, "-X", "dev", "-W", "ignore", "-m", "halong", *words]
        processes.append(subprocess.Popen(command, stdout=log, stderr=log, env=variables, cwd=tmp_path))
        log.close()
    answers = b""
    try:
        deadline = time.monotonic() + 40
        hub = edge = b""
        while b"broker connected" not in hub or b"store away" not in hub or b"broker away" not in edge:
            assert time.monotonic() < deadline, hub + edge
            time.sleep(0.2)
            hub, edge = ((tmp_path / f"{name}.log").read_bytes() for name in ("hub", "edge"))
        for path in ("/healthz", "/v1/account", "/v1/gateways", "/openapi.json", "/metrics"):
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
                    answers += answer.read()
            except urllib.error.HTTPError as error:
                answers += error.read()
        lines = b"".join(Path(f"/proc/{one.pid}/cmdline").read_bytes() for one in processes)
        assert lines.count(b"halong") == 2
        assert json.loads(urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/account", timeout=5).read())
    finally:
        for one in processes:
            one.send_signal(signal.SIGTERM)
            one.wait(40)
    written = everywhere(tmp_path, {password})
    assert b"broker connected" in written  # the hub's password was used, and was right
    for secret in (BROKER_SECRET, STORE_SECRET, EDGE_SECRET):
        for trace in traces(secret):
            assert trace not in lines
            assert trace not in answers
            assert trace not in written


@pytest.mark.parametrize(
    "words",
    [
        [
            "resend",
            "--gateway",
            "g",
            "--from",
            "2026-01-01T00:00:00Z",
            "--to",
            "2026-01-02T00:00:00Z",
            "--broker",
        ],
        ["up", "--broker"],
        ["sim", "publisher", "json", "--broker"],
    ],
)
def test_a_password_on_a_command_line_is_refused_and_not_repeated(words: list[str], tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "halong", *words, f"mqtt://me:{EDGE_SECRET}@127.0.0.1:1"],
        capture_output=True, text=True, check=False, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode != 0
    assert "an address holds no password" in done.stderr
    assert EDGE_SECRET not in done.stdout + done.stderr
