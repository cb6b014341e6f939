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
CONFIG = """
gateway = "gw-1"
site = {{ id = "s", name = "S", latitude = 20.9, longitude = 107.0 }}
broker = {{ url = "mqtt://127.0.0.1:1" }}
journal = {{ path = "{disk}/gateway/journal.db", commit_ms = 20 }}
[[serial]]
path = "{port}"
protocol = "ops243"
sensor = "radar-1"
period_s = 0
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


def main(work: Path) -> None:
    """Two lives: on a disk without a journal, then on one with it; prints what was seen of each."""
    disk = work / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(disk)], check=True)
    journal, sent, lives = disk / "gateway" / "journal.db", 0, []
    for life in range(2):
        fill(disk)
        device, line = os.openpty()
        config, log = work / "edge.toml", work / f"log-{life}"
        config.write_text(CONFIG.format(disk=disk, port=os.ttyname(line)))
        before = journalled(journal)
        with log.open("wb") as told:
            agent = subprocess.Popen(
                [sys.executable, "-m", "halong", "edge", "run", str(config)], cwd=ROOT, stderr=told
            )
        until(
            lambda log=log: b"port open" in log.read_bytes() and b"journal cannot be used" in log.read_bytes()
        )  # type: ignore[misc]
        for value in range(30, 35):
            os.write(device, b'{"unit":"kmph","speed":"%d.0"}\r\n' % value)
            sent += 1
        time.sleep(2.5)
        alive, while_full = agent.poll() is None, journalled(journal) - before
        (disk / "fill").unlink()
        until(lambda sent=sent: journalled(journal) == sent)  # type: ignore[misc]
        until(lambda log=log: b"journal can be used again" in log.read_bytes())  # type: ignore[misc]
        agent.terminate()
        lives.append(
            {
                "alive": alive,
                "while_full": while_full,
                "exit": agent.wait(30),
                "readings": journalled(journal),
            }
        )
        os.close(device)
        os.close(line)
    print(json.dumps(lives))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
