"""Nova SDS011 (SDS018, SDS021 alike): particulate matter by laser, 9600 8N1, streaming once a second or asked.

    data     AA C0 LL HH LL HH ii ii cc AB       answer   AA C5 D1 D2 D3 D4 ii ii cc AB
                   |     |     |     |                          |           |     |
                   |     |     |     sum of bytes 2 to 7        |           |     sum of bytes 2 to 7
                   |     |     device id                        |           device id
                   |     PM10 in 0.1 ug/m3, low byte first      command, then its data
                   PM2.5 in 0.1 ug/m3

    command  AA B4 D1 D2 .. D13 ii ii cc AB      id FF FF: any sensor; cc = sum of bytes 2 to 16

Report mode, working period and id are kept by the sensor when it has no power: nothing here ever sets them. (Laser dust
sensor control protocol V1.3.) Option `mode`: "active" reads the stream; "query" asks, which a sensor in query mode wants;
"sleep" wakes it for each round, asks once `settle_s` seconds of fan have passed and lays it down again.

>>> sds011({}).decode(bytes.fromhex("aac0d4043a0aa1601dab")).measurements[0]
Measurement(quantity='pm25', value=123.6, flags=0)
"""

from collections.abc import Mapping
from typing import Any

from edge.driver import BadFrameError, Decoded, Driver, Framer, Measurement, Step, Verdict
from edge.drivers.options import choice, number, only
from edge.framing import ScanFramer, Size

SIZE, COMMAND_SIZE = 10, 19
DATA, REPLY = 0xC0, 0xC5
REPORT_MODE, QUERY_DATA, DEVICE_ID, POWER, FIRMWARE, PERIOD = 2, 4, 5, 6, 7, 8
HIGHEST = 999.9
SETTLE_S = 30.0

_MODES, _STATES = ("active", "query"), ("sleep", "work")


def command(*data: int) -> bytes:
    """The 19 bytes of a command with these data bytes, to any sensor."""
    content = bytes(data).ljust(13, b"\0") + b"\xff\xff"
    return b"\xaa\xb4" + content + bytes((sum(content) & 0xFF, 0xAB))


QUERY, WAKE, SLEEP = command(QUERY_DATA), command(POWER, 1, 1), command(POWER, 1, 0)


class Sds011:
    """See edge.driver.Driver."""

    protocol = "sds011"
    baud = 9600
    quantities: tuple[str, ...] = ("pm25", "pm10")
    timeout_s = 1.5

    def __init__(self, mode: str = "active", settle_s: float = SETTLE_S) -> None:
        self.setup = (Step(WAKE),) if mode != "sleep" else ()  # it may have been left asleep
        self.requests: tuple[bytes, ...] = {"active": (), "query": (QUERY,), "sleep": (WAKE,)}[mode]
        self._settle_s = settle_s

    def framer(self, request: bytes | None = None) -> Framer:
        """Data frames and answers; with a request only what answers it, because the stream goes on."""
        return ScanFramer(lambda data: _measure(data, request), SIZE, echo=request or b"")

    def decode(self, frame: bytes, request: bytes | None = None) -> Decoded:
        """A data frame, an answer, or a command to the sensor (19 bytes)."""
        if len(frame) == COMMAND_SIZE:
            return Decoded(Verdict.ACCEPT, _command(frame))
        if not frame or _measure(frame, None) != len(frame):
            raise BadFrameError(f"{len(frame)} bytes with a wrong head, tail, length or checksum")
        if frame[1] == REPLY:
            return Decoded(Verdict.ACCEPT, _reply(frame))
        pm25, pm10 = (int.from_bytes(frame[at : at + 2], "little") / 10 for at in (2, 4))
        if pm25 == pm10 == 0:
            return Decoded(Verdict.IGNORE, None, reason="both values zero: warming up")
        fields = {"pm25": pm25, "pm10": pm10, "device_id": _id(frame)}
        measurements = (Measurement("pm25", pm25), Measurement("pm10", pm10))
        if max(pm25, pm10) > HIGHEST:
            return Decoded(Verdict.FLAG, fields, measurements, f"above the range of {HIGHEST} ug/m3")
        return Decoded(Verdict.ACCEPT, fields, measurements)

    def follow(self, request: bytes, decoded: Decoded) -> tuple[Step, ...]:
        """Awake: ask when the fan has cleared the chamber, then let it sleep."""
        return (Step(QUERY, self._settle_s), Step(SLEEP)) if request == WAKE else ()


def _measure(data: bytes, request: bytes | None) -> int:
    if data[0] != 0xAA:
        return Size.JUNK
    if len(data) > 1 and data[1] not in (DATA, REPLY):
        return Size.JUNK
    if len(data) < SIZE:
        return Size.MORE
    if data[9] != 0xAB or data[8] != sum(data[2:8]) & 0xFF:
        return Size.BAD
    if request is not None and not _answers(data, request):
        return Size.JUNK
    return SIZE


def _answers(data: bytes, request: bytes) -> bool:
    return data[1] == DATA if request[2] == QUERY_DATA else (data[1] == REPLY and data[2] == request[2])


def _id(frame: bytes) -> str:
    return frame[-4:-2].hex().upper()


def _reply(frame: bytes) -> dict[str, Any]:
    about, *data = frame[2:6]
    fields: dict[str, Any] = {"device_id": _id(frame)}
    match about:
        case 2 | 6 | 8:
            return (
                {"reply": _SUBJECTS[about], "operation": "set" if data[0] else "query"}
                | fields
                | _value(about, data[1])
            )
        case 5:
            return {"reply": "device-id"} | fields
        case 7:
            return {"reply": "firmware", "year": data[0], "month": data[1], "day": data[2]} | fields
    raise BadFrameError(f"unknown answer {about:02X}")


def _command(frame: bytes) -> dict[str, Any]:
    if frame[:2] != b"\xaa\xb4" or frame[18] != 0xAB or frame[17] != sum(frame[2:17]) & 0xFF:
        raise BadFrameError("a command with a wrong head, tail or checksum")
    about, setting, value = frame[2:5]
    target = {"target": _id(frame)}
    match about:
        case 2 | 6 | 8 if setting:
            return {"command": f"set-{_SUBJECTS[about]}"} | _value(about, value) | target
        case 5:
            return {"command": "set-device-id", "new_id": frame[13:15].hex().upper()} | target
        case 2 | 4 | 6 | 7 | 8:
            return {"command": f"query-{_SUBJECTS[about]}"} | target
    raise BadFrameError(f"unknown command {about:02X}")


_SUBJECTS = {2: "report-mode", 4: "data", 6: "power", 7: "firmware", 8: "working-period"}


def _value(about: int, value: int) -> dict[str, Any]:
    if about == PERIOD:
        if value > 30:
            raise BadFrameError(f"a working period of {value} minutes; 30 is the longest")
        return {"minutes": value}
    if value > 1:
        raise BadFrameError(f"{_SUBJECTS[about]} is 0 or 1, not {value}")
    return {"mode": _MODES[value]} if about == REPORT_MODE else {"state": _STATES[value]}


def sds011(options: Mapping[str, object]) -> Driver:
    """The driver with its options `mode` (active, query, sleep) and `settle_s`; raises ValueError."""
    only("sds011", options, ("mode", "settle_s"))
    return Sds011(
        choice(options, "mode", ("active", "query", "sleep")),
        number(options, "settle_s", SETTLE_S, low=0, high=300),
    )
