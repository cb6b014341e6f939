"""The disk with the journal: how much room, how much the agent writes, how worn the flash says it is."""

import os
import shutil
from pathlib import Path

from telemetry.messages import DiskState

DAY_S = 86_400
SOON_S = 60.0  # a pace over less says little
IO = Path("/proc/self/io")
BLOCK = Path("/sys/dev/block")


def look(journal: Path, *, journal_bytes: int, running_s: float) -> DiskState:
    """As it is now; what cannot be known here is None."""
    try:
        usage = shutil.disk_usage(journal.parent)
        device = os.stat(journal.parent).st_dev
    except OSError:
        return DiskState(journal=journal_bytes)
    written = written_bytes()
    return DiskState(
        free=usage.free,
        total=usage.total,
        journal=journal_bytes,
        written_day=round(written / running_s * DAY_S)
        if written is not None and running_s >= SOON_S
        else None,
        worn_percent=worn_percent(BLOCK / f"{os.major(device)}:{os.minor(device)}"),
    )


def written_bytes(io: Path = IO) -> int | None:
    """What this process caused to be written to the disk since it began (proc_pid_io(5), `write_bytes`)."""
    try:
        lines = io.read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) for line in lines if line.startswith("write_bytes:")), None)


def worn_percent(partition: Path) -> int | None:
    """How much of its life an eMMC says is used, at most, in steps of ten (JEDEC eMMC 5.0, EXT_CSD 268 and 269; the kernel's
    `life_time`); None for a disk that does not say it, such as an SD card."""
    place = partition.resolve()
    for disk in (place, place.parent):  # a partition lies below its disk
        try:
            estimates = [int(part, 16) for part in (disk / "device" / "life_time").read_text("ascii").split()]
        except (OSError, ValueError):
            continue
        return min(100, max(estimates) * 10) or None if estimates else None
    return None
