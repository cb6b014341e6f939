"""What a sensor driver is. A driver turns bytes into measurements; it never reads a port, a clock or a random number."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, NamedTuple, Protocol


class BadFrameError(ValueError):
    """The bytes are no frame of this device: drop them, count it, look for the next one."""


class Verdict(StrEnum):
    """What to do with a frame."""

    ACCEPT = "accept"  # publish its measurements
    IGNORE = "ignore"  # well formed, nothing to publish: warm-up, a status line
    FLAG = "flag"  # well formed but doubtful or an error report: publish only with Flag.DEVICE
    REJECT = "reject"  # refused


class Measurement(NamedTuple):
    """One value in the canonical unit of its quantity, not yet a Reading: it has no sensor and no time."""

    quantity: str
    value: float
    flags: int = 0


class Decoded(NamedTuple):
    """A frame understood: `fields` by their names in the device's own terms (None when there is nothing to report)."""

    verdict: Verdict
    fields: Mapping[str, Any] | None
    measurements: tuple[Measurement, ...] = ()
    reason: str = ""


class Frame(NamedTuple):
    """A complete frame. `after` counts the bytes of the same chunk that came behind its last byte (0: none)."""

    data: bytes
    after: int = 0


class Framer(Protocol):
    """Cuts a byte stream into frames. Any chunking gives the same frames; arbitrary bytes raise nothing."""

    junk: int
    """Bytes dropped so far because no frame could begin with them."""
    bad: int
    """Frame candidates dropped so far: right beginning, wrong length or checksum."""

    def feed(self, chunk: bytes) -> list[Frame]:
        """The frames that `chunk` completes, in order. At most a bounded number of bytes is kept."""
        ...


class Driver(Protocol):
    """One device. `requests` is one polling round; empty: the device streams by itself."""

    protocol: str
    baud: int
    quantities: tuple[str, ...]
    requests: tuple[bytes, ...]

    def framer(self, request: bytes | None = None) -> Framer:
        """A fresh framer: of the stream, or of the answer to `request`."""
        ...

    def decode(self, frame: bytes, request: bytes | None = None) -> Decoded:
        """The frame (an answer to `request` when given); raises BadFrameError."""
        ...


class Step(NamedTuple):
    """One thing to say: `data` after a pause of `after_s` seconds, which the bytes `early` from the device end. No data: wait."""

    data: bytes
    after_s: float = 0.0
    early: bytes = b""


def _nothing_more(request: bytes, decoded: Decoded) -> tuple[Step, ...]:
    return ()


class Extras(NamedTuple):
    """What a driver may have beyond the contract, under these names; `extras` reads it with its defaults."""

    setup: tuple[Step, ...] = ()
    """Said when the port opens and again after the device fell silent. Never anything that changes what a device stores."""
    follow: Callable[[bytes, Decoded], tuple[Step, ...]] = _nothing_more
    """(request, its answer) -> what to ask before the round goes on."""
    line: str = "8N1"
    """Data bits, parity, stop bits."""
    timeout_s: float = 0.5
    """How long an answer may take."""


def extras(driver: Driver) -> Extras:
    """What `driver` has beyond the contract."""
    return Extras(**{name: getattr(driver, name) for name in Extras._fields if hasattr(driver, name)})
