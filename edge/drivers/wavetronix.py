"""Wavetronix SmartSensor with Click 512: one text line for each vehicle, usually 9600 8N1. There is no checksum.

    2009:05:28,23:04:04.902,00,0070.5,0073.9,00000773,0163.1,03
    |          |            |  |      |      |        |      |
    |          |            |  |      |      |        |      class
    |          |            |  |      |      |        distance from the sensor in ft
    |          |            |  |      |      time in the zone in ms
    |          |            |  |      length in ft
    |          |            |  speed in mph, negative = against the direction of the lane
    |          |            lane
    date, time of day: the sensor's own clock, not used

Option `lane`: only this lane is published (a sensor for each lane reads the same line). Columns as a copy of the maker's
note prints them.

>>> line = b"2009:05:28,23:04:04.902,00,0070.5,0073.9,00000773,0163.1,03"
>>> wavetronix_csv({}).decode(line).measurements[1]
Measurement(quantity='vehicle_speed', value=113.458752, flags=0)
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from edge.driver import BadFrameError, Decoded, Driver, Framer, Measurement, Verdict
from edge.drivers.options import only
from edge.framing import LineFramer
from telemetry.quantities import to_canonical

MAX_LINE = 256
_NUMBER = re.compile(r"[+-]?\d{1,8}(\.\d{1,6})?")
_COUNT = re.compile(r"\d{1,10}")


class WavetronixCsv:
    """See edge.driver.Driver."""

    protocol = "wavetronix-csv"
    baud = 9600
    quantities: tuple[str, ...] = ("vehicle_count", "vehicle_speed")
    requests: tuple[bytes, ...] = ()

    def __init__(self, lane: int | None = None) -> None:
        self._lane = lane

    def framer(self, request: bytes | None = None) -> Framer:
        """Lines."""
        return LineFramer(MAX_LINE)

    def decode(self, frame: bytes, request: bytes | None = None) -> Decoded:
        """One line without its end."""
        try:
            columns = [column.strip() for column in frame.decode("ascii").strip().split(",")]
        except UnicodeDecodeError:
            raise BadFrameError("not a line of ASCII text") from None
        if len(columns) != 8:
            raise BadFrameError(f"{len(columns)} of 8 columns")
        fields = _fields(columns)
        if self._lane is not None and fields["lane"] != self._lane:
            return Decoded(Verdict.IGNORE, fields, reason="another lane")
        speed = round(to_canonical("vehicle_speed", abs(fields["speed_mph"]), "mi/h"), 6)
        return Decoded(
            Verdict.ACCEPT, fields, (Measurement("vehicle_count", 1.0), Measurement("vehicle_speed", speed))
        )


def _fields(columns: list[str]) -> dict[str, Any]:
    day, at, lane, speed, length, duration, distance, kind = columns
    try:
        instant = datetime.strptime(f"{day} {at}", "%Y:%m:%d %H:%M:%S.%f")  # noqa: DTZ007 - the sensor's own clock
    except ValueError:
        raise BadFrameError(f"{day},{at} is no date and time") from None
    if not all(map(_NUMBER.fullmatch, (speed, length, distance))) or not all(
        map(_COUNT.fullmatch, (lane, duration, kind))
    ):
        raise BadFrameError("a column that is no number")
    return {
        "datetime": instant.isoformat(timespec="milliseconds"),
        "lane": int(lane),
        "speed_mph": float(speed),
        "length_ft": float(length),
        "duration_ms": int(duration),
        "range_ft": float(distance),
        "vehicle_class": int(kind),
    }


def wavetronix_csv(options: Mapping[str, object]) -> Driver:
    """The driver with its option `lane`; raises ValueError."""
    only("wavetronix-csv", options, ("lane",))
    lane = options.get("lane")
    if lane is not None and (isinstance(lane, bool) or not isinstance(lane, int) or not 0 <= lane <= 99):
        raise ValueError(f"lane must be 0 to 99, not {lane!r}")
    return WavetronixCsv(lane)
