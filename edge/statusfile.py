"""The status file beside the journal: written whole, read by `halong edge status`."""

from pathlib import Path

import msgspec

from edge.status import Status

NAME = "status.json"


class StatusError(Exception):
    """There is no status to show; the message says why."""


def beside(journal: Path) -> Path:
    """Where the agent with this journal writes its status."""
    return journal.with_name(NAME)


def write(path: Path, status: Status) -> None:
    """Replace the file: a reader sees the old one or the new one, whole. Raises OSError."""
    new = path.with_name(f".{path.name}.new")
    new.write_bytes(msgspec.json.encode(status) + b"\n")
    new.replace(path)


def read(path: Path) -> Status:
    """The newest status; raises StatusError."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Status)
    except FileNotFoundError:
        raise StatusError(f"no {path}: the agent has never run with this configuration") from None
    except OSError as error:
        raise StatusError(f"cannot read {path}: {error.strerror}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise StatusError(f"{path} is no status of this version: {error}") from None
