"""What stands in the street: sites, gateways, sensors, and the rules for their ids."""

import re

import msgspec

_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")


def check_id(text: str) -> str:
    """`text` itself when it is a valid sensor, site or gateway id (`[a-z0-9][a-z0-9-]{0,63}`); else ValueError."""
    if not _ID.fullmatch(text):
        raise ValueError(f"id {text!r} must be 1-64 characters a-z 0-9 - and start with a letter or digit")
    return text


class Site(msgspec.Struct, frozen=True):
    """A place. `latitude` and `longitude` in degrees WGS 84."""

    id: str
    name: str
    latitude: float
    longitude: float
    kind: str = ""


class Sensor(msgspec.Struct, frozen=True, omit_defaults=True):
    """A device on a gateway.

    `protocol` is the driver or payload format it speaks, `quantities` what it reports, `period_s` the seconds between
    its readings; 0 means event-driven: it is never judged silent. `serial` is the serial number of the device that hangs
    there since `installed_ms` (ms since 1970 UTC; None: not told), when it was swapped for another under the same id.
    """

    id: str
    protocol: str
    quantities: tuple[str, ...]
    period_s: float = 0.0
    name: str = ""
    latitude: float | None = None
    longitude: float | None = None
    serial: str = ""
    installed_ms: int | None = None
