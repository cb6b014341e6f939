"""Who has a lock on a file or has a port open, as far as Linux tells: /proc/locks and the open files under /proc."""

import os
from pathlib import Path
from typing import NamedTuple


class Holder(NamedTuple):
    """A process; `command` is its command line, "" when we may not see it."""

    pid: int
    command: str

    def __str__(self) -> str:
        return f"process {self.pid} ({self.command})" if self.command else f"process {self.pid}"


def of_lock(path: Path) -> Holder | None:
    """Who holds the flock on the file at `path`; None: nobody, or the system does not tell."""
    try:
        inode = path.stat().st_ino
        lines = Path("/proc/locks").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return None
    for line in lines:
        fields = line.split()
        if len(fields) > 5 and fields[1] == "FLOCK" and fields[5].rpartition(":")[2] == str(inode):
            return _holder(int(fields[4]))
    return None


def of_journal(journal: Path) -> Holder | None:
    """The agent that runs on this journal."""
    return of_lock(journal.with_name(f"{journal.name}.lock"))


def of_port(path: str) -> Holder | None:
    """A process other than this one that has the port at `path` open; only those of our own user are seen."""
    target = os.path.realpath(path)
    for process in Path("/proc").glob("[0-9]*"):
        if int(process.name) == os.getpid():
            continue
        try:
            opened = any(os.readlink(link) == target for link in (process / "fd").iterdir())
        except OSError:
            continue
        if opened:
            return _holder(int(process.name))
    return None


def _holder(pid: int) -> Holder:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return Holder(pid, "")
    return Holder(pid, " ".join(word.decode("utf-8", "replace") for word in words).strip()[:120])
