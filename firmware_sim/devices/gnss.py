"""A satellite receiver: RMC, GGA and ZDA once a second (NMEA 0183); in its first seconds it has the time and no fix."""

from datetime import UTC, datetime
from functools import reduce
from operator import xor

from firmware_sim.device import Emission

FIRST_FIX_S = 3.0


class Gnss:
    """A receiver that stands still at `latitude`, `longitude` in degrees."""

    def __init__(self, *, start_s: float, latitude: float = 20.9589, longitude: float = 107.0427) -> None:
        self._start_s, self._place = start_s, (latitude, longitude)
        self.due_s = start_s

    def emit(self, now_s: float) -> list[Emission]:
        """The sentences of this second; they carry no readings."""
        self.due_s = max(self.due_s + 1.0, now_s)
        at = datetime.fromtimestamp(now_s, UTC)
        time, fixed = f"{at:%H%M%S}.{at.microsecond // 10000:02}", now_s - self._start_s >= FIRST_FIX_S
        place = f"{_angle(self._place[0], 2, 'NS')},{_angle(self._place[1], 3, 'EW')}" if fixed else ",,,"
        bodies = (
            f"GNRMC,{time},{'A' if fixed else 'V'},{place},{'0.02' if fixed else ''},,{at:%d%m%y},,,{'A' if fixed else 'N'}",
            f"GNGGA,{time},{place},{int(fixed)},{'11' if fixed else '00'},{'0.8' if fixed else ''},"
            + ("12.0,M,-21.4,M,," if fixed else ",M,,M,,"),
            f"GNZDA,{time},{at:%d,%m,%Y},00,00",
        )
        return [Emission(_sealed(body)) for body in bodies]

    def receive(self, data: bytes, now_s: float) -> list[Emission]:
        """It does not listen."""
        return []


def _angle(degrees: float, digits: int, sides: str) -> str:
    minutes = round(abs(degrees) * 60, 4)
    return f"{int(minutes // 60):0{digits}}{minutes % 60:07.4f},{sides[degrees < 0]}"


def _sealed(body: str) -> bytes:
    return f"${body}*{reduce(xor, body.encode()):02X}\r\n".encode()
