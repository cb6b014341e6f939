"""Logs: JSON lines for machines, text for people, nothing below the level, all on stderr. In a process of its own each."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SAY = """
import structlog, logging
from runtime import log
log.configure(process="edge", level={level!r}, json_lines={json_lines!r})
out = structlog.get_logger("x")
out.debug("quiet")
out.info("port open", port="/dev/ttyUSB0", name="Bãi Cháy")
try:
    raise KeyError("k")
except KeyError:
    out.exception("broken")
logging.getLogger("library").warning("of a library")
logging.getLogger("library").info("chatter of a library")
"""


def say(level: str = "info", json_lines: bool | None = None) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-c", SAY.format(level=level, json_lines=json_lines)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60,
        check=True,
    )
    assert done.stdout == ""
    return done


def test_not_on_a_terminal_every_event_is_one_json_line() -> None:
    first, second, library = say().stderr.splitlines()
    event = json.loads(first)
    assert event.pop("timestamp").endswith("Z")
    assert event == {
        "event": "port open",
        "level": "info",
        "process": "edge",
        "port": "/dev/ttyUSB0",
        "name": "Bãi Cháy",
    }
    assert "Bãi Cháy" in first
    assert "KeyError: 'k'" in json.loads(second)["exception"]
    assert library == "WARNING library of a library"


def test_the_level_counts() -> None:
    assert "port open" not in say("warning").stderr
    assert "broken" in say("warning").stderr
    assert say("error").stderr.count("\n") == 1
    assert "quiet" in say("debug").stderr


def test_text_when_asked_for() -> None:
    text = say(json_lines=False).stderr
    assert "port open" in text
    assert "Traceback" in text


def test_on_a_terminal_it_is_text() -> None:
    device, host = pty.openpty()
    subprocess.run(
        [sys.executable, "-c", SAY.format(level="info", json_lines=None)],
        stderr=host,
        cwd=ROOT,
        timeout=60,
        check=True,
    )
    os.close(host)
    text = os.read(device, 65536).decode()
    os.close(device)
    assert "port open" in text
    assert "{" not in text.splitlines()[0]


def test_a_full_disk_behind_stderr_does_not_end_the_process(tmp_path: Path) -> None:
    full = (
        "import resource, structlog, logging\nfrom runtime import log\nlog.configure(process='edge')\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))\n"
        "structlog.get_logger().info('lost'); logging.getLogger('x').warning('lost too')\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))\n"
        "structlog.get_logger().info('kept'); print('alive')\n"
    )
    with (tmp_path / "edge.log").open("wb") as output:
        output.write(b"some lines before\n")
        output.flush()
        done = subprocess.run(
            [sys.executable, "-c", full],
            stdout=subprocess.PIPE,
            stderr=output,
            cwd=ROOT,
            timeout=60,
            check=True,
        )
    assert done.stdout == b"alive\n"
    before, kept = (tmp_path / "edge.log").read_text(encoding="utf-8").splitlines()
    assert (before, json.loads(kept)["event"]) == ("some lines before", "kept")
