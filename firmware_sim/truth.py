"""The simulator's own record of what it sent, one JSON object a line: the ground truth that an account is checked against.

{"type":"device","sensor":…,"protocol":…,"period_s":…,"quantities":[…],"at":ms}
{"type":"reading","sensor":…,"quantity":…,"value":…,"at":ms}     value in the canonical unit, exactly as its bytes decode;
                                                                 at = when its last byte was written
{"type":"fault","sensor":…,"kind":…,"start":ms,"end":ms,"quantity":…}   what was done to the sensor on purpose; "" = to all it
                                                                 measures
{"type":"window","sensor":…,"cause":…,"start":ms,"end":ms}       readings in it may be missed, and why
"""

import os
from pathlib import Path
from typing import Union

import msgspec


class Device(msgspec.Struct, frozen=True, tag_field="type", tag="device"):
    """A device that sends; `period_s` 0 means event-driven."""

    sensor: str
    protocol: str
    period_s: float
    quantities: tuple[str, ...]
    at: int


class Emitted(msgspec.Struct, frozen=True, tag_field="type", tag="reading"):
    """One value that left the device."""

    sensor: str
    quantity: str
    value: float
    at: int


class FaultRecord(msgspec.Struct, frozen=True, tag_field="type", tag="fault"):
    """A fault that was played."""

    sensor: str
    kind: str
    start: int
    end: int
    quantity: str = ""


class Window(msgspec.Struct, frozen=True, tag_field="type", tag="window"):
    """A time in which readings may be missed."""

    sensor: str
    cause: str
    start: int
    end: int


Line = Union[Device, Emitted, FaultRecord, Window]  # noqa: UP007  # msgspec wants a runtime union
LINE_BEGINS = b'{"type":"'
LINE_BYTES = 65_536  # no line is longer
_decoder = msgspec.json.Decoder(Line)


class Recorder:
    """Appends lines, each call whole ones at once; what a kill has cut before goes first. None: nothing is kept."""

    def __init__(self, path: Path | None) -> None:
        self._file: int | None = None
        if path is not None:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
            _drop_cut_line(self._file)

    def write(self, *lines: Line) -> None:
        """Append these lines."""
        if self._file is not None and lines:
            os.write(self._file, b"".join(msgspec.json.encode(line) + b"\n" for line in lines))

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def _drop_cut_line(file: int) -> None:
    """Truncate to the last line end: what follows it would make one bad line with the next one written."""
    size = os.fstat(file).st_size
    torn = os.pread(file, LINE_BYTES, max(0, size - LINE_BYTES)).rpartition(b"\n")[2]
    if torn[: len(LINE_BEGINS)] == LINE_BEGINS[: len(torn)]:
        os.ftruncate(file, size - len(torn))


class Truth(msgspec.Struct):
    """A whole record."""

    devices: list[Device]
    readings: list[Emitted]
    faults: list[FaultRecord]
    windows: list[Window]


def read(path: Path) -> Truth:
    """The record at `path`; a last line that a kill has cut is left out. Raises OSError, ValueError for any other bad line."""
    truth = Truth([], [], [], [])
    lines = path.read_bytes().split(b"\n")
    for number, text in enumerate(lines, 1):
        if not text:
            continue
        try:
            line = _decoder.decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            if number == len(lines):
                break
            raise ValueError(f"{path} line {number} is no truth record: {error}") from None
        match line:
            case Device():
                truth.devices.append(line)
            case Emitted():
                truth.readings.append(line)
            case FaultRecord():
                truth.faults.append(line)
            case Window():
                truth.windows.append(line)
    return truth
