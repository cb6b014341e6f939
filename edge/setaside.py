"""Setting a damaged journal aside so that a crash at any moment loses nothing of it.

A marker names the files that are being set aside before anything moves, and goes when all that can be read of them is in
the new file: an opening that finds it goes on from there.
"""

import json
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

MOST = 3  # damaged files that one new file is salvaged from: then the disk is at fault


def marker(path: Path) -> Path:
    """Where the marker of the journal at `path` is."""
    return path.with_name(f"{path.name}.set-aside")


def pending(path: Path) -> list[Path]:
    """The files that are being set aside, the last one perhaps not moved yet; raises OSError."""
    try:
        names = json.loads(marker(path).read_bytes())
    except FileNotFoundError:
        return []
    except ValueError:
        return []  # not ours: the marker is written whole
    return [path.with_name(str(name)) for name in names] if isinstance(names, list) else []


def begin(path: Path, now_ms: int) -> list[Path]:
    """Name the journal at `path` as one to be set aside, on disk when this returns; all pending ones. Raises OSError."""
    if now_ms < 0:  # on a boot's own scale: the clock is not trusted yet
        now_ms = path.stat().st_mtime_ns // 1_000_000
    while (aside := path.with_name(f"{path.name}.damaged-{now_ms}")).exists():
        now_ms += 1
    asides = [*pending(path), aside]
    new = marker(path).with_suffix(".new")
    with new.open("wb") as file:
        file.write(json.dumps([one.name for one in asides]).encode())
        file.flush()
        os.fsync(file.fileno())
    new.replace(marker(path))
    _sync_directory(path)
    return asides


def move(path: Path, asides: Sequence[Path]) -> None:
    """Move the journal to where the marker says, unless that was done before; raises OSError.

    The log goes first and is on disk there before its file follows: a new journal never finds the old one's log.
    """
    aside = asides[-1]
    if aside.exists():
        return
    for suffix in ("-wal", "-shm"):
        with suppress(FileNotFoundError):
            Path(f"{path}{suffix}").rename(f"{aside}{suffix}")
    _sync_directory(path)
    with suppress(FileNotFoundError):
        path.rename(aside)
    _sync_directory(path)


def end(path: Path) -> None:
    """All that can be read is in the new file; raises OSError."""
    marker(path).unlink()
    _sync_directory(path)


def _sync_directory(path: Path) -> None:
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
