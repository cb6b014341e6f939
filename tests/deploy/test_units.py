"""The systemd units: well-formed, hardened as the docs state, and hub and agent do their work under that confinement."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from halong.installation import free_port
from halong.proof import packs_since

ROOT = Path(__file__).parents[2]
UNITS = ROOT / "deploy" / "systemd"
CONFINED = Path(__file__).with_name("confined.py")


@pytest.fixture(autouse=True)
def _systemd_analyze() -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.fail("systemd-analyze is not installed: run scripts/servers.sh", pytrace=False)


@pytest.mark.parametrize("name", ["halong-edge", "halong-hub"])
def test_systemd_finds_nothing_wrong(name: str, tmp_path: Path) -> None:
    text = (UNITS / f"{name}.service").read_text()
    program = re.search(r"ExecStart=(\S+)", text)
    assert program is not None
    unit = tmp_path / f"{name}.service"
    unit.write_text(text.replace(program[1], "/bin/true"))
    done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.parametrize("name", ["halong-edge", "halong-hub"])
def test_the_score_is_the_one_that_is_stated(name: str) -> None:
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", UNITS / f"{name}.service"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    score = re.search(r"Overall exposure level for \S+: ([0-9.]+) ", done.stdout)
    stated = re.search(rf"`{name}` \| ([0-9.]+) ", (ROOT / "docs" / "installing.md").read_text())
    assert score is not None
    assert stated is not None
    assert float(score[1]) <= float(stated[1])


class Confined:
    """A command under a unit's confinement, with the notify socket of a systemd."""

    def __init__(self, directory: Path, unit: str, *command: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(directory / "notify"))
        self.socket.settimeout(60)
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "NOTIFY_SOCKET": str(directory / "notify"),
            "WATCHDOG_USEC": "300000",
            "OPENBLAS_NUM_THREADS": "2",
        }
        self.log = (directory / "log").open("wb")
        self.process = subprocess.Popen(
            [sys.executable, str(CONFINED), str(UNITS / unit), sys.executable, *command],
            env=environment, stdout=self.log, stderr=self.log, cwd=directory,
        )  # fmt: skip

    def __enter__(self) -> "Confined":
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.socket.close()
        self.log.close()

    def hear(self, word: str, times: int = 1) -> None:
        """Wait until systemd would have heard it so often."""
        heard = 0
        while heard < times:
            heard += word in self.socket.recv(4096).decode().split("\n")


def test_the_filter_filters(tmp_path: Path) -> None:
    """The ruler measures: what a hub has no business with is refused, memory cannot become code."""
    words = """
import ctypes, mmap, os
libc = ctypes.CDLL(None, use_errno=True)
print(libc.mount(b"none", b"/tmp", b"tmpfs", 0, None), ctypes.get_errno())
try:
    mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    print("code")
except PermissionError:
    print("no code")
"""
    command = [sys.executable, str(CONFINED), str(UNITS / "halong-hub.service"), sys.executable, "-c", words]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["-1 1", "no code"]


def test_the_agent_still_sees_whether_ntp_keeps_the_clock(tmp_path: Path) -> None:
    words = "from edge.hostclock import LinuxHost as L; h = L(); print(h.boot_id, h._libc.adjtimex(bytes(300)) >= 0)"
    plain = [sys.executable, "-c", words]
    confined = [sys.executable, str(CONFINED), str(UNITS / "halong-edge.service"), *plain]
    outputs = [
        subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout
        for command in (plain, confined)
    ]
    assert outputs[0] == outputs[1]
    assert outputs[1].endswith("True\n")


def test_the_hub_works_confined(tmp_path: Path, mosquitto_url: str) -> None:
    port = free_port()
    (tmp_path / "hub.toml").write_text(
        f'data = "{tmp_path}/data"\n[broker]\nurl = "{mosquitto_url}"\n[api]\nport = {port}\n'
    )
    command = ("-m", "halong", "hub", str(tmp_path / "hub.toml"))
    with Confined(tmp_path, "halong-hub.service", *command) as hub:
        hub.hear("READY=1")
        hub.hear("WATCHDOG=1", 3)
        deadline = time.monotonic() + 30
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
                    assert answer.status == 200
                break
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.1)
        hub.process.send_signal(signal.SIGTERM)
        assert hub.process.wait(30) == 0
    assert [path for path in (tmp_path / "data").iterdir() if path.stat().st_mode & 0o077] == []


def test_the_agent_works_confined_and_reads_its_port(tmp_path: Path) -> None:
    controller, device = os.openpty()
    (tmp_path / "edge.toml").write_text(f"""
gateway = "gw-1"
site = {{ id = "s", name = "S", latitude = 20.9, longitude = 107.0 }}
broker = {{ url = "mqtt://127.0.0.1:1" }}
clock = {{ trust = "system" }}
journal = {{ max_mb = 16 }}
[[serial]]
path = "{os.ttyname(device)}"
protocol = "line-ndjson"
sensor = "t-1"
period_s = 0
options = {{ fields = {{ temperature = {{ path = "t" }} }} }}
""")
    command = ("-m", "halong", "edge", "run", str(tmp_path / "edge.toml"))
    with Confined(tmp_path, "halong-edge.service", *command) as agent:
        agent.hear("READY=1")
        deadline = time.monotonic() + 30
        while not packs_since(tmp_path / "journal.db", 0):
            os.write(controller, b'{"t": 21.5}\n')  # the port may not have been open at first
            assert time.monotonic() < deadline
            time.sleep(0.1)
        agent.process.send_signal(signal.SIGTERM)
        assert agent.process.wait(30) == 0
    os.close(controller)
    os.close(device)
