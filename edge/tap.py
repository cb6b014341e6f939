"""Listening in on a driver: every frame it is given, with what it made of it. Pure.

A tapped driver is the driver in every other respect; whoever reads the port does not notice.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from edge.driver import BadFrameError, Decoded, Driver, Extras, Framer, Verdict
from telemetry.quantities import QUANTITIES


class Heard(NamedTuple):
    """One frame of `sensor`: its bytes, the question it answers, what it means; a refused one has a reason and no meaning."""

    sensor: str
    frame: bytes
    request: bytes | None
    decoded: Decoded

    @property
    def values(self) -> list[dict[str, Any]]:
        """What would be published, with units."""
        return [
            {"quantity": one.quantity, "value": one.value, "unit": QUANTITIES[one.quantity].unit}
            for one in self.decoded.measurements
        ]

    def encode(self, at_ms: int) -> bytes:
        """One line of JSON: at, sensor, frame and request in hexadecimal, verdict, fields, values, reason."""
        content = {
            "at": at_ms,
            "sensor": self.sensor,
            "frame": self.frame.hex(),
            "request": self.request.hex() if self.request is not None else None,
            "verdict": str(self.decoded.verdict),
            "fields": self.decoded.fields,
            "values": self.values,
            "reason": self.decoded.reason,
        }
        return msgspec.json.encode(content, enc_hook=str) + b"\n"


Tap = Callable[[Heard], None]


class TappedDriver:
    """See edge.driver.Driver."""

    def __init__(self, driver: Driver, sensor: str, tap: Tap) -> None:
        self._driver, self._sensor, self._tap = driver, sensor, tap
        self.protocol, self.baud = driver.protocol, driver.baud
        self.quantities, self.requests = driver.quantities, driver.requests
        for name in Extras._fields:
            if hasattr(driver, name):
                setattr(self, name, getattr(driver, name))

    def framer(self, request: bytes | None = None) -> Framer:
        """The driver's own."""
        return self._driver.framer(request)

    def decode(self, frame: bytes, request: bytes | None = None) -> Decoded:
        """What the driver makes of it, and the tap hears of it."""
        try:
            decoded = self._driver.decode(frame, request)
        except BadFrameError as error:
            self._tap(Heard(self._sensor, frame, request, Decoded(Verdict.REJECT, None, reason=str(error))))
            raise
        self._tap(Heard(self._sensor, frame, request, decoded))
        return decoded


def tapped(driver: Driver, sensor: str, tap: Tap | None) -> Driver:
    """The driver itself when nobody listens in."""
    return TappedDriver(driver, sensor, tap) if tap is not None else driver
