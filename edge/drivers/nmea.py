"""NMEA 0183: place and time from a satellite receiver, text lines, 4800 8N1 by the standard, one group a second.

    $GPRMC,225446,A,4916.45,N,12311.12,W,000.5,054.7,191194,020.3,E*68
    |  |   |      | |         |          |     |     |      |       |
    |  |   |      | |         |          |     |     |      |       XOR of the characters between $ and *
    |  |   |      | |         |          |     |     |      magnetic variation
    |  |   |      | |         |          |     |     date ddmmyy, 80 to 99 = 19yy
    |  |   |      | |         |          |     course in degrees
    |  |   |      | |         |          speed in knots
    |  |   |      | latitude ddmm.mm     longitude dddmm.mm
    |  |   |      A valid, V not
    |  |   time hhmmss.ss UTC
    |  type
    talker

It publishes no reading: `fix` gives the place and the time that a sentence tells. RMC, GGA, ZDA, GLL, VTG and MWV are
taken apart, others are ignored. (NMEA 0183 as receivers' manuals print it.)

>>> found = nmea0183({}).decode(b"$GPRMC,225446,A,4916.45,N,12311.12,W,000.5,054.7,191194,020.3,E*68").fields
>>> found["datetime"], found["lat"]
('1994-11-19T22:54:46', 49.274166667)
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time
from functools import reduce
from operator import xor
from typing import Any, NamedTuple

from edge.driver import BadFrameError, Decoded, Driver, Framer, Verdict
from edge.drivers.options import only
from edge.framing import LineFramer

MAX_LINE = 256  # 82 by the standard; some receivers write longer ones
EARLIEST = datetime(2025, 1, 1, tzinfo=UTC)  # a date before this software: a receiver 1024 weeks behind
_SENTENCE = re.compile(rb"\$([A-Z]{2})([A-Z]{3}),([\x20-\x7e]*)\*([0-9A-Fa-f]{2})")
_PROPRIETARY = re.compile(rb"\$P[A-Z0-9]+,[\x20-\x7e]*\*[0-9A-Fa-f]{2}")

Fields = dict[str, Any]


class Fix(NamedTuple):
    """What a sentence says of place and time. `time_ms` since 1970 UTC, None without a date; degrees, south and west
    negative, None without a fix. `valid`: the receiver has a fix, and its date is not from before this software."""

    time_ms: int | None
    lat: float | None
    lon: float | None
    valid: bool


def fix(fields: Mapping[str, Any]) -> Fix | None:
    """The fix in the fields of a decoded sentence; None when it tells neither time nor place."""
    instant = (
        datetime.fromisoformat(fields["datetime"]).replace(tzinfo=UTC) if fields.get("datetime") else None
    )
    if instant is None and "lat" not in fields:
        return None
    seen = fields.get("status") == "A" or fields.get("quality", 0) in (1, 2, 3, 4, 5)
    return Fix(
        round(instant.timestamp() * 1000) if instant is not None else None,
        fields.get("lat"),
        fields.get("lon"),
        seen and (instant is None or instant >= EARLIEST),
    )


class Nmea0183:
    """See edge.driver.Driver."""

    protocol = "nmea0183"
    baud = 4800
    quantities: tuple[str, ...] = ()
    requests: tuple[bytes, ...] = ()

    def framer(self, request: bytes | None = None) -> Framer:
        """Lines."""
        return LineFramer(MAX_LINE)

    def decode(self, frame: bytes, request: bytes | None = None) -> Decoded:
        """One sentence without its line end."""
        line = frame.strip()
        if not (match := _SENTENCE.fullmatch(line)) and not _PROPRIETARY.fullmatch(line):
            raise BadFrameError("no NMEA sentence with a checksum")
        body, _, stated = line[1:].rpartition(b"*")
        if (computed := reduce(xor, body)) != int(stated, 16):
            raise BadFrameError(f"checksum is {stated.decode()}, should be {computed:02X}")
        if match is None:
            return Decoded(
                Verdict.IGNORE, {"type": body.split(b",")[0].decode()}, reason="a maker's own sentence"
            )
        talker, kind, rest = (part.decode() for part in match.groups()[:3])
        fields: Fields = {"type": kind, "talker": talker}
        if kind not in _PARSERS:
            return Decoded(Verdict.IGNORE, fields, reason=f"{kind} tells neither place nor time")
        try:
            fields |= _PARSERS[kind](rest.split(","))
        except (ValueError, IndexError) as error:
            raise BadFrameError(f"{kind}: {error}") from None
        if fields.get("status") == "V" or fields.get("quality") == 0:
            return Decoded(Verdict.FLAG, fields, reason="the receiver says that it is not valid")
        return Decoded(Verdict.ACCEPT, fields)


def _rmc(part: Sequence[str]) -> Fields:
    day, at = _date(part[8]), _time(part[0])
    fields: Fields = {"datetime": _text(datetime.combine(day, at))} if day and at else {"datetime": None}
    if fields["datetime"] is None and at:
        fields["time"] = _text(at)
    fields["status"] = _status(part[1])
    fields |= _place(part[2:6])
    fields |= {"speed_knots": _number(part[6]), "course_deg": _number(part[7])}
    if len(part) > 10 and part[9]:
        fields["variation_deg"] = _signed(_number(part[9]), part[10], "EW")
    if len(part) > 11:
        fields["mode"] = part[11] or None
    return fields


def _gga(part: Sequence[str]) -> Fields:
    at = _time(part[0])
    return {
        "time": _text(at) if at else None,
        **_place(part[1:5]),
        "quality": int(part[5] or 0),
        "satellites": int(part[6]) if part[6] else None,
        "hdop": _number(part[7]),
        "altitude_m": _number(part[8]),
        "geoid_m": _number(part[10]),
    }


def _zda(part: Sequence[str]) -> Fields:
    at = _time(part[0])
    day = date(int(part[3]), int(part[2]), int(part[1])) if part[3] else None
    fields: Fields = {"datetime": _text(datetime.combine(day, at)) if day and at else None}
    if len(part) > 5 and part[4] and part[5]:
        fields |= {"zone_h": int(part[4]), "zone_min": int(part[5])}
    return fields


def _gll(part: Sequence[str]) -> Fields:
    at = _time(part[4]) if len(part) > 4 else None
    status = _status(part[5]) if len(part) > 5 else "A"
    return {**_place(part[:4]), "time": _text(at) if at else None, "status": status}


def _vtg(part: Sequence[str]) -> Fields:
    return {"course_deg": _number(part[0]), "speed_knots": _number(part[4]), "speed_kmh": _number(part[6])}


def _mwv(part: Sequence[str]) -> Fields:
    if part[1] not in ("R", "T") or part[3] not in ("K", "M", "N", "S"):
        raise ValueError("reference R or T, unit K, M, N or S")
    return {
        "wind_angle_deg": _number(part[0]),
        "reference": part[1],
        "wind_speed": _number(part[2]),
        "unit": part[3],
        "status": _status(part[4]),
    }


_PARSERS: dict[str, Callable[[Sequence[str]], Fields]] = {
    "RMC": _rmc,
    "GGA": _gga,
    "ZDA": _zda,
    "GLL": _gll,
    "VTG": _vtg,
    "MWV": _mwv,
}


def _place(part: Sequence[str]) -> Fields:
    if not any(part):
        return {"lat": None, "lon": None}
    lat, lon = _degrees(part[0], 2, part[1], "NS"), _degrees(part[2], 3, part[3], "EW")
    if abs(lat) > 90 or abs(lon) > 180:
        raise ValueError(f"{lat}, {lon} is no place on earth")
    return {"lat": lat, "lon": lon}


def _degrees(text: str, digits: int, side: str, sides: str) -> float:
    if not re.fullmatch(rf"\d{{{digits}}}[0-5]\d(\.\d*)?", text):
        raise ValueError(f"{text!r} is no angle")
    angle = _signed(int(text[:digits]) + float(text[digits:]) / 60, side, sides)
    return round(angle, 9) if angle is not None else 0.0


def _signed(value: float | None, side: str, sides: str) -> float | None:
    if value is None:
        return None
    if side not in sides or not side:
        raise ValueError(f"{side!r} is neither {sides[0]} nor {sides[1]}")
    return value if side == sides[0] else -value


def _status(text: str) -> str:
    if text not in ("A", "V"):
        raise ValueError(f"status {text!r} is neither A nor V")
    return text


def _number(text: str) -> float | None:
    if text and not re.fullmatch(r"-?\d+\.?\d*|-?\.\d+", text):
        raise ValueError(f"{text!r} is no number")
    return float(text) if text else None


def _time(text: str) -> time | None:
    if not text:
        return None
    if not re.fullmatch(r"\d{6}(\.\d*)?", text):
        raise ValueError(f"{text!r} is no time")
    micros = int((text[7:] + "000000")[:6])
    return time(int(text[:2]), int(text[2:4]), min(int(text[4:6]), 59), micros)  # a leap second is 60


def _date(text: str) -> date | None:
    if not text:
        return None
    if not re.fullmatch(r"\d{6}", text):
        raise ValueError(f"{text!r} is no date")
    year = int(text[4:])
    return date(year + (1900 if year >= 80 else 2000), int(text[2:4]), int(text[:2]))


def _text(at: datetime | time) -> str:
    return at.isoformat(timespec="milliseconds" if at.microsecond else "seconds")


def nmea0183(options: Mapping[str, object]) -> Driver:
    """The driver; it has no options."""
    only("nmea0183", options)
    return Nmea0183()
