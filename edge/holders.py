"""Who has a lock on a file or has a port open, as far as Linux tells: /proc/locks and the open files under /proc."""

import os
from pathlib import Path
from typing import NamedTuple

LARGE_INODE = 1000


class Holder(NamedTuple):
    """A process; `command` is its command line, "" when we may not see it."""

    pid: int
    command: str

    def __str__(self) -> str:
        return f"process {self.pid} ({self.command})" if self.command else f"process {self.pid}"


def of_lock(path: Path) -> Holder | None:
    """Who holds the flock on what `path` leads to; None: nobody, or the system does not tell."""
    try:
        stat = path.stat()
        lines = Path("/proc/locks").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return None
    exact = f"{os.major(stat.st_dev):02x}:{os.minor(stat.st_dev):02x}:{stat.st_ino}"
    for line in lines:
        fields = line.split()
        if len(fields) < 6 or fields[1] != "FLOCK":
            continue
        told = fields[5]
        # some file systems are told under another device than stat gives; their inodes are no small numbers
        if told == exact or (stat.st_ino >= LARGE_INODE and told.endswith(f":{stat.st_ino}")):
            return _holder(int(fields[4]))
    return None


def of_journal(journal: Path) -> Holder | None:
    """The agent that runs on this journal."""
    return of_lock(journal.with_name(f"{journal.name}.lock"))


def of_port(path: str) -> Holder | None:
    """Who has locked the port at `path`, else a process other than this one that has it open. Only those of our own user are
    seen; that a port is open does not keep others from opening it."""
    if (locker := of_lock(Path(path))) is not None:
        return locker
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
