"""Run as a program in a mount namespace of its own: agents that start on a disk that is full. For test_full_disk."""

import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

ROOT = Path(__file__).parents[2]
READINGS = 5
CONFIG = """
gateway = "gw-1"
site = {{ id = "s", name = "S", latitude = 20.9, longitude = 107.0 }}
broker = {{ url = "mqtt://127.0.0.1:1" }}
clock = {{ trust = "system" }}
journal = {{ path = "{disk}/gateway/journal.db", commit_ms = 20 }}
[[serial]]
path = "{port}"
protocol = "line-ndjson"
sensor = "t-1"
period_s = 0
options = {{ fields = {{ temperature = {{ path = "t" }} }} }}
"""


def until(condition: Callable[[], object]) -> None:
    """Wait for it, a minute at most."""
    end = time.monotonic() + 60
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.02)


def fill(disk: Path) -> None:
    """Leave no byte."""
    with (disk / "fill").open("wb", buffering=0) as file:
        for size in (4096, 1):
            try:
                while file.write(b"x" * size):
                    continue
            except OSError:
                continue


def journalled(journal: Path) -> int:
    """Readings in the journal."""
    try:
        with closing(sqlite3.connect(f"file:{journal}?mode=ro", uri=True)) as db:
            return int(db.execute("SELECT coalesce(sum(readings), 0) FROM packs").fetchone()[0])
    except sqlite3.Error:
        return 0


def live(
    agent: subprocess.Popen[bytes], device: int, journal: Path, log: Path, disk: Path
) -> dict[str, object]:
    """One life of an agent on the full disk, which gets room in the middle of it."""
    before = int(log.stem.removeprefix("log-")) * READINGS
    until(lambda: b"port open" in log.read_bytes() and b"journal cannot be used" in log.read_bytes())
    for value in range(30, 30 + READINGS):
        os.write(device, b'{"t": %d}\r\n' % value)
    time.sleep(2.5)
    alive, while_full = agent.poll() is None, max(0, journalled(journal) - before)
    (disk / "fill").unlink()
    until(lambda: journalled(journal) == before + READINGS)
    until(lambda: b"journal can be used again" in log.read_bytes())
    agent.terminate()
    exit_code = agent.wait(30)
    return {"alive": alive, "while_full": while_full, "exit": exit_code, "readings": journalled(journal)}


def main(work: Path) -> None:
    """Two lives: on a disk without a journal, then on one with it; prints what was seen of each."""
    disk = work / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(disk)], check=True)
    journal = disk / "gateway" / "journal.db"
    lives: list[dict[str, object]] = []
    for life in range(2):
        fill(disk)
        device, line = os.openpty()
        config, log = work / "edge.toml", work / f"log-{life}"
        config.write_text(CONFIG.format(disk=disk, port=os.ttyname(line)))
        with log.open("wb") as told:
            agent = subprocess.Popen(
                [sys.executable, "-m", "halong", "edge", "run", str(config)], cwd=ROOT, stderr=told
            )
        try:
            lives.append(live(agent, device, journal, log, disk))
        finally:
            agent.kill()
        os.close(device)
        os.close(line)
    print(json.dumps(lives))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
