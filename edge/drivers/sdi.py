"""SDI-12 sensors: text, 1200 7E1 on the bus, the same commands behind most adapters at 9600 8N1; answers when asked.

    0M!    measure          00023         sensor 0 has 3 values in 2 s; it may say `0` when it is ready before
    0D0!   send data        0+3.14-2.718+1.414           address, then values with their sign
    0MC!   0CC!             0+3.14OqZ     the same, three characters of CRC behind the values
    0C!                     000512        12 values in 5 s, no word when ready
    0R0!                    0+21.5        measured all the time: no waiting
    0I!                     013NRSYSINC1000001.2101      address, version 1.3, vendor, model, version, serial number

Options: `address`; `command` M, M1 to M9, C, C1 to C9, R0 to R9; `crc`; `fields`, which says what the values are by their
position, from 0: { temperature = { path = 0, unit = "Cel" } }. Values that do not fit one answer are fetched with D1, D2 and
so on; meanwhile the driver remembers how many came. The CRC is CRC-16 (polynomial A001, start 0) in three times six bits.
(SDI-12 specification 1.4.) Addresses are never changed. The break that wakes a bus is the adapter's work.

>>> decode_answer(b"0+3.14+2.718+1.414Ipz", crc=True).fields["values"]
[3.14, 2.718, 1.414]
"""

import re
from collections.abc import Mapping
from typing import Any

from edge.driver import BadFrameError, Decoded, Driver, Frame, Framer, Step, Verdict
from edge.drivers.options import flag, only
from edge.fields import FieldMap
from edge.framing import LineFramer

MAX_LINE = 128  # 75 characters of values, an echo in front
LAST_DATA = 9
_VALUE = r"[+-](?:\d{1,9}\.?\d{0,9}|\.\d{1,9})"
_DATA = re.compile(rf"([0-9A-Za-z])((?:{_VALUE})*)([@-\x7f]{{3}})?")
_READY = re.compile(r"([0-9A-Za-z])(\d{3})(\d{1,2})")
_IDENTITY = re.compile(r"([0-9A-Za-z])(\d)(\d)(.{8})(.{6})(.{3})(.{0,13})")
_COMMAND = re.compile(r"([0-9A-Za-z?])(?:(M|C)(C?)(\d?)|(R)(C?)(\d)|(D)(\d)|(A)([0-9A-Za-z])|([IV])|)!")
_MEASURE = {"M": "measure", "C": "concurrent-measure", "R": "continuous"}
_OPTION = re.compile(r"[MC][1-9]?|R[0-9]")


class Sdi12:
    """See edge.driver.Driver."""

    protocol = "sdi12"
    baud = 1200
    line = "7E1"
    timeout_s = 1.5  # 80 characters at 1200 baud

    def __init__(self, fields: FieldMap, address: str = "0", command: str = "M", crc: bool = False) -> None:
        self._fields, self._address, self._crc = fields, address, crc
        self.quantities = fields.quantities
        self.requests: tuple[bytes, ...] = (f"{address}{command[0]}{'C' * crc}{command[1:]}!".encode(),)
        self._values: list[float] = []
        self._promised = 0

    def framer(self, request: bytes | None = None) -> Framer:
        """Lines; with a request the lines that can answer it, without its echo."""
        return _AnswerFramer(request)

    def decode(self, frame: bytes, request: bytes | None = None) -> Decoded:
        """One answer without its line end; values need a request `aD` or `aR`, or none."""
        text = (request or b"").decode("ascii", "replace")
        decoded = decode_answer(frame, text, crc=self._crc or None)
        found = decoded.fields or {}
        if found.get("address", self._address) != self._address:
            raise BadFrameError(f"sensor {found['address']!r} answers, {self._address!r} was asked")
        if not found.get("values"):
            return decoded
        before = 0 if text[1:3] == "D0" else len(self._values)
        measurements = self._fields.measurements(dict(enumerate(found["values"], before)))
        return decoded._replace(measurements=measurements)

    def follow(self, request: bytes, decoded: Decoded) -> tuple[Step, ...]:
        """Measured: fetch the values when they are ready, then those that did not fit."""
        found = decoded.fields or {}
        if "count" in found:
            self._values, self._promised = [], found["count"]
            early = f"{self._address}\r\n".encode() if request[1:2] == b"M" else b""
            return (self._fetch(0, float(found["ready_s"]), early),) if found["count"] else ()
        if request[1:2] != b"D" or not found.get("values"):
            return ()
        self._values += found["values"]
        index = int(request[2:3]) + 1
        return (self._fetch(index),) if len(self._values) < self._promised and index <= LAST_DATA else ()

    def _fetch(self, index: int, after_s: float = 0.0, early: bytes = b"") -> Step:
        return Step(f"{self._address}D{index}!".encode(), after_s, early)


class _AnswerFramer(LineFramer):
    """Lines without the echo of `request`, and without a service request that came too late to be one."""

    def __init__(self, request: bytes | None) -> None:
        super().__init__(MAX_LINE)
        self._request = request

    def feed(self, chunk: bytes) -> list[Frame]:
        """The answers that `chunk` completes."""
        frames = super().feed(chunk)
        if self._request is None:
            return frames
        frames = [frame._replace(data=frame.data.removeprefix(self._request)) for frame in frames]
        return [frame for frame in frames if len(frame.data) > 1]


def crc(text: str) -> str:
    """The three characters behind the values of an answer that begins with its address."""
    value = 0
    for byte in text.encode("ascii"):
        value ^= byte
        for _ in range(8):
            value = (value >> 1) ^ 0xA001 if value & 1 else value >> 1
    return "".join(chr(0x40 | part) for part in (value >> 12, value >> 6 & 0x3F, value & 0x3F))


def decode_answer(line: bytes, request: str = "", *, crc: bool | None = None) -> Decoded:
    """An answer; `request` tells measuring from identity, `crc` None takes one when it is there. Raises BadFrameError."""
    try:
        text = line.decode("ascii").strip("\r\n")
    except UnicodeDecodeError:
        raise BadFrameError("not ASCII") from None
    kind = request[1:2] if len(request) > 2 else ""
    if kind in ("M", "C", "V", "") and (match := _READY.fullmatch(text)):
        fields = {"address": match[1], "ready_s": int(match[2]), "count": int(match[3])}
        return Decoded(Verdict.ACCEPT, fields)
    if kind in ("I", "") and (match := _IDENTITY.fullmatch(text)):
        return Decoded(Verdict.ACCEPT, _identity(match))
    if kind in ("A", "") and re.fullmatch("[0-9A-Za-z]", text):
        return Decoded(Verdict.ACCEPT, {"address": text})
    if kind in ("D", "R", "") and (match := _DATA.fullmatch(text)):
        return _data(match, crc)
    raise BadFrameError(f"{text!r} is no answer to {request or 'anything'}")


def _data(match: re.Match[str], wanted: bool | None) -> Decoded:
    address, values, stated = match.groups()
    fields: dict[str, Any] = {"address": address}
    if stated is None and wanted:
        raise BadFrameError("the CRC is missing")
    if stated is not None:
        if (computed := crc(address + values)) != stated:
            raise BadFrameError(f"CRC is {stated!r}, should be {computed!r}")
        fields["crc"] = stated
    fields["values"] = [float(value) for value in re.findall(_VALUE, values)]
    return Decoded(Verdict.ACCEPT, fields) if values else Decoded(Verdict.IGNORE, fields, reason="no data")


def _identity(match: re.Match[str]) -> dict[str, Any]:
    address, major, minor, vendor, model, version, serial = match.groups()
    return {
        "address": address,
        "sdi12_version": f"{major}.{minor}",
        "vendor": vendor.strip(),
        "model": model.strip(),
        "version": version.strip(),
        "serial": serial.strip(),
    }


def decode_command(text: str) -> dict[str, Any]:
    """What a command to a sensor means; raises BadFrameError."""
    match = _COMMAND.fullmatch(text.strip("\r\n"))
    if match is None:
        raise BadFrameError(f"{text!r} is no SDI-12 command")
    address, measure, checked, number, live, live_checked, live_number, data, index, change, new, word = (
        match.groups()
    )
    if measure or live:
        name = _MEASURE[measure or live] + ("-with-crc" if checked or live_checked else "")
        fields: dict[str, Any] = {"command": name, "address": address}
        return fields | ({"index": int(number or live_number)} if number or live_number else {})
    if data:
        return {"command": "send-data", "address": address, "index": int(index)}
    if change:
        return {"command": "change-address", "address": address, "new_address": new}
    if word:
        return {"command": {"I": "identify", "V": "verify"}[word], "address": address}
    return {"command": "query-address"} if address == "?" else {"command": "acknowledge", "address": address}


def sdi12(options: Mapping[str, object]) -> Driver:
    """The driver with its options `fields`, `address`, `command`, `crc`; raises ValueError."""
    only("sdi12", options, ("fields", "address", "command", "crc"))
    address, command = options.get("address", "0"), options.get("command", "M")
    if not isinstance(address, str) or not re.fullmatch("[0-9A-Za-z]", address):
        raise ValueError(f"address must be one of 0-9, A-Z, a-z, not {address!r}")
    if not isinstance(command, str) or not _OPTION.fullmatch(command):
        raise ValueError(f"command must be M, C, M1 to M9, C1 to C9 or R0 to R9, not {command!r}")
    return Sdi12(FieldMap.parse(options.get("fields"), position=True), address, command, flag(options, "crc"))
