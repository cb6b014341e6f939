"""Davis Vantage Pro, Pro2 and Vue weather stations: a console on 19200 8N1, asleep until woken, answers when asked.

    LF              wake                    LF CR
    LOOP 1 LF       one packet of type 0    06 packet      (LPS 2 1 LF: one of type 1, LOOP2)

    L O O  pt tt rrrr bbbb iiii hh oooo ww mm dddd .. HH .. RRRR uu ssss .. DDDD .. 0A 0D CCCC
    |      |  |  |    |    |    |  |    |  |  |       |     |    |  |       |             CRC-CCITT, high byte first
    |      |  |  |    |    |    |  |    |  |  |       |     |    |  |       50 rain of the day in clicks
    |      |  |  |    |    |    |  |    |  |  |       |     |    |  44 solar radiation in W/m2
    |      |  |  |    |    |    |  |    |  |  |       |     |    43 UV index in tenths
    |      |  |  |    |    |    |  |    |  |  |       |     41 rain rate in clicks an hour
    |      |  |  |    |    |    |  |    |  |  |       33 outside humidity in %
    |      |  |  |    |    |    |  |    |  |  16 wind direction in degrees, 0 = none
    |      |  |  |    |    |    |  |    |  15 wind, mean of 10 min, mph (LOOP2: at 18 in tenths)
    |      |  |  |    |    |    |  |    14 wind in mph
    |      |  |  |    |    |    |  12 outside temperature in 0.1 degF, signed
    |      |  |  |    |    9 inside temperature, 11 inside humidity
    |      |  |  |    7 pressure in 0.001 inHg
    |      |  |  next archive record     |  FF, 7FFF, FFFF: not there
    |      |  packet type
    |      trend of the pressure

99 bytes, low byte first but for the CRC (serial communication reference 2.6). Options: `packet` loop or loop2,
`rain_click_mm` 0.254 (0.01 in) or 0.2. Rain counts up from midnight.

>>> davis_vantage({}).decode(bytes.fromhex("25350a07067060ba")).fields["datetime"]
'2012-06-07T10:53:37'
"""

import re
import struct
from binascii import crc_hqx
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from edge.driver import BadFrameError, Decoded, Driver, Framer, Measurement, Step, Verdict
from edge.drivers.options import choice, number, only
from edge.framing import ScanFramer, Size
from telemetry.quantities import to_canonical

LOOP_SIZE, TIME_SIZE = 99, 8
WAKE, AWAKE, LOOP = b"\n", b"\n\r", b"LOOP 1\n"
REQUESTS = {"loop": LOOP, "loop2": b"LPS 2 1\n"}
INCH_MM = 25.4
ANSWERS = {0x06: "ack", 0x21: "nack", 0x15: "nack", 0x18: "bad-crc"}
_COMMANDS = {
    "": "wake", "TEST": "test", "GETTIME": "get-time", "SETTIME": "set-time", "NVER": "firmware-version",
    "VER": "firmware-date", "RXCHECK": "reception", "BARDATA": "barometer-data", "DMP": "dump", "DMPAFT": "dump-after",
    "HILOWS": "highs-and-lows",
}  # fmt: skip
_TRENDS = {
    -60: "falling rapidly",
    -20: "falling slowly",
    0: "steady",
    20: "rising slowly",
    60: "rising rapidly",
}


class DavisVantage:
    """See edge.driver.Driver."""

    protocol = "davis-vantage"
    baud = 19200
    quantities: tuple[str, ...] = (
        "pressure", "temperature", "humidity", "wind_speed", "wind_direction", "solar_radiation", "rain",
    )  # fmt: skip
    setup = (Step(WAKE), Step(b"", 0.5))
    timeout_s = 3.0

    def __init__(self, packet: str = "loop", click_mm: float = INCH_MM / 100) -> None:
        self.requests: tuple[bytes, ...] = (WAKE, REQUESTS[packet])
        self._click_mm = click_mm

    def framer(self, request: bytes | None = None) -> Framer:
        """Packets; woken: the word that it is awake."""
        if request == WAKE:
            return ScanFramer(_measure_awake, len(AWAKE))
        return ScanFramer(_measure, LOOP_SIZE)

    def decode(self, frame: bytes, request: bytes | None = None) -> Decoded:
        """A packet, the clock, a short answer, or (without a request) a command."""
        if frame == AWAKE:
            return Decoded(Verdict.ACCEPT, {"kind": "awake"})
        if len(frame) == 1 and frame[0] in ANSWERS:
            kind = ANSWERS[frame[0]]
            return Decoded(Verdict.ACCEPT if kind == "ack" else Verdict.FLAG, {"kind": kind}, reason=kind)
        if frame[:1] == b"\x06" and len(frame) in (1 + TIME_SIZE, 1 + LOOP_SIZE):
            frame = frame[1:]
        if len(frame) == LOOP_SIZE and frame.startswith(b"LOO"):
            return self._packet(frame)
        if len(frame) == TIME_SIZE and not crc_hqx(frame, 0):
            return Decoded(Verdict.ACCEPT, {"kind": "time", "datetime": _clock(frame)})
        if request is None and frame.endswith(b"\n"):
            return Decoded(Verdict.ACCEPT, decode_command(frame))
        raise BadFrameError(f"{len(frame)} bytes that are no answer, or with a wrong CRC")

    def _packet(self, frame: bytes) -> Decoded:
        if _measure(frame) != LOOP_SIZE:
            raise BadFrameError("CRC, packet type or tail is wrong")
        fields = _common(frame) | (_loop2(frame) if frame[4] else _loop1(frame))
        direction = fields["wind_dir"]
        rain = fields["rain_day_clicks"]
        given = (
            ("pressure", fields["barometer_inhg"], "inHg"),
            ("temperature", fields["temp_out_f"], "degF"),
            ("humidity", fields["hum_out"], "%RH"),
            ("wind_speed", fields["wind_mph"], "mi/h"),
            ("wind_direction", direction % 360 if direction else None, "deg"),
            ("solar_radiation", fields["solar_wm2"], "W/m2"),
            ("rain", rain * self._click_mm if rain is not None else None, "mm"),
        )
        measurements = tuple(
            Measurement(name, round(to_canonical(name, float(value), unit), 6))
            for name, value, unit in given
            if value is not None
        )
        return Decoded(Verdict.ACCEPT, fields, measurements)


def _measure(data: bytes) -> int:
    if not b"LOO".startswith(data[:3]):
        return Size.JUNK
    if len(data) < LOOP_SIZE:
        return Size.MORE
    good = data[4] in (0, 1) and data[95:97] == AWAKE and not crc_hqx(data[:LOOP_SIZE], 0)
    return LOOP_SIZE if good else Size.BAD


def _measure_awake(data: bytes) -> int:
    if data[:1] != b"\n":
        return Size.JUNK
    if len(data) < 2:
        return Size.MORE
    return len(AWAKE) if data[:2] == AWAKE else Size.JUNK


def _common(frame: bytes) -> dict[str, Any]:
    """What stands in the same place in both packets."""
    barometer, inside, hum_in, outside, wind = struct.unpack_from("<HhBhB", frame, 7)
    (direction,), hum_out = struct.unpack_from("<H", frame, 16), frame[33]
    rate, uv, solar, storm = struct.unpack_from("<HBHH", frame, 41)
    return {
        "kind": "loop2" if frame[4] else "loop1",
        "trend": _TRENDS.get(int.from_bytes(frame[3:4], "big", signed=True)),
        "barometer_inhg": barometer / 1000 if barometer not in (0, 0x7FFF, 0xFFFF) else None,
        "temp_in_f": _tenths(inside, 0x7FFF),
        "hum_in": _there(hum_in, 0xFF),
        "temp_out_f": _tenths(outside, 0x7FFF),
        "wind_mph": _there(wind, 0xFF),
        "wind_dir": direction if direction <= 360 else None,
        "hum_out": _there(hum_out, 0xFF),
        "rain_rate_clicks": _there(rate, 0xFFFF),
        "uv": _tenths(uv, 0xFF),
        "solar_wm2": _there(solar, 0x7FFF, 0xFFFF),
        "rain_storm_clicks": _there(storm, 0xFFFF),
        "rain_day_clicks": _there(int.from_bytes(frame[50:52], "little"), 0xFFFF),
    }


def _loop1(frame: bytes) -> dict[str, Any]:
    month, year = struct.unpack_from("<HH", frame, 52)
    battery, _, _, sunrise, sunset = struct.unpack_from("<HBBHH", frame, 87)
    return {
        "next_record": int.from_bytes(frame[5:7], "little"),
        "wind_10min_mph": _there(frame[15], 0xFF),
        "rain_month_clicks": _there(month, 0xFFFF),
        "rain_year_clicks": _there(year, 0xFFFF),
        "battery_v": round(battery * 300 / 512 / 100, 3),
        "sunrise": _hour(sunrise),
        "sunset": _hour(sunset),
    }


def _loop2(frame: bytes) -> dict[str, Any]:
    mean_10, mean_2 = struct.unpack_from("<HH", frame, 18)
    dew, _, _, _, heat, chill, thsw = struct.unpack_from("<hBBBhhh", frame, 30)
    quarter, hour, _, day = struct.unpack_from("<HHHH", frame, 52)
    return {
        "wind_10min_mph": _tenths(mean_10, 0x7FFF, 0xFFFF),
        "wind_2min_mph": _tenths(mean_2, 0x7FFF, 0xFFFF),
        "dew_point_f": _there(dew, 0x7FFF, 0xFF),
        "heat_index_f": _there(heat, 0x7FFF, 0xFF),
        "wind_chill_f": _there(chill, 0x7FFF, 0xFF),
        "thsw_f": _there(thsw, 0x7FFF, 0xFF),
        "rain_15min_clicks": _there(quarter, 0xFFFF),
        "rain_hour_clicks": _there(hour, 0xFFFF),
        "rain_24h_clicks": _there(day, 0xFFFF),
    }


def _there(value: int, *missing: int) -> int | None:
    return None if value in missing else value


def _tenths(value: int, *missing: int) -> float | None:
    return None if value in missing else value / 10


def _hour(value: int) -> str | None:
    hour, minute = divmod(value, 100)
    return f"{hour:02}:{minute:02}" if hour < 24 and minute < 60 else None


def _clock(frame: bytes) -> str:
    second, minute, hour, day, month, year = frame[:6]
    try:
        return datetime(1900 + year, month, day, hour, minute, second).isoformat()  # noqa: DTZ001 - the console's own zone
    except ValueError as error:
        raise BadFrameError(f"the clock: {error}") from None


def decode_command(frame: bytes) -> dict[str, Any]:
    """What a command to the console means; raises BadFrameError."""
    word, *rest = frame.decode("ascii", "replace").strip("\r\n").split(" ")
    if (
        word in ("LOOP", "LPS")
        and all(re.fullmatch(r"\d+", part) for part in rest)
        and len(rest) <= 1 + (word == "LPS")
    ):
        fields: dict[str, Any] = {"command": word.lower(), "count": int(rest[-1]) if rest else 1}
        return fields | ({"packets": int(rest[0])} if len(rest) == 2 else {})
    if word in _COMMANDS:
        return {"command": _COMMANDS[word]}
    raise BadFrameError(f"unknown command {word!r}")


def davis_vantage(options: Mapping[str, object]) -> Driver:
    """The driver with its options `packet` and `rain_click_mm`; raises ValueError."""
    only("davis-vantage", options, ("packet", "rain_click_mm"))
    click_mm = number(options, "rain_click_mm", INCH_MM / 100, low=0.01, high=1)
    return DavisVantage(choice(options, "packet", tuple(REQUESTS)), click_mm)
