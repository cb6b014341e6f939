"""What the doctor says of one thing. Pure."""

from enum import StrEnum

import msgspec


class Level(StrEnum):
    """How bad it is. Only a fault makes the command fail."""

    OK = "ok"
    WARNING = "warning"
    FAULT = "fault"


class Finding(msgspec.Struct, frozen=True):
    """`check` names what was looked at (stable, for programs), `where` the thing; `cure` is empty only when it is ok."""

    check: str
    level: Level
    where: str
    what: str
    cure: str = ""


def good(check: str, where: str, what: str) -> Finding:
    """Nothing to do."""
    return Finding(check, Level.OK, where, what)


def warning(check: str, where: str, what: str, cure: str) -> Finding:
    """It works, and somebody should look."""
    return Finding(check, Level.WARNING, where, what, cure)


def fault(check: str, where: str, what: str, cure: str) -> Finding:
    """It does not work, or not for long."""
    return Finding(check, Level.FAULT, where, what, cure)
