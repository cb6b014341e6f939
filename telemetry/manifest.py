"""Manifests: how a gateway accounts for one sensor and one hour. Pure.

A manifest travels in a pack as SenML records named `<sensor>/manifest/<journal>/<count>`, unit `count`, dated at the start
of its hour (UTC); a count that is 0 may be left out. Any SenML reader sees plain records; none of them is a reading.

>>> one = Manifest(sensor="pm-1", hour_ms=1_699_999_200_000, journal="0a1b", read=7198, accepted=7198)
>>> to_records("bai-chay", [one])[0]
{'bn': 'pm-1/manifest/0a1b/', 'bt': 1699999200.0, 'bu': 'count', 'site': 'bai-chay', 'n': 'read', 'v': 7198}
"""

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from telemetry.times import HOUR_MS

MOST = 2**53  # from here on a JSON number is no longer every integer
COUNTS = ("read", "expected", "bad", "accepted", "duplicate", "late", "given_up")
_NAME = re.compile(r"([a-z0-9][a-z0-9-]{0,63})/manifest/([0-9a-f]{4,32})/([a-z_]{1,32})")


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one sensor in the hour that starts at `hour_ms`, in one life of its agent (`journal`, its id).

    All in readings, but for `bad`: frames. Parts of an hour under different journals add up; of one journal the newest
    counts, which is the one that has counted most. `expected` None: an event-driven sensor.

    expected   what would have come had no observation been missed: the periods that passed, times readings an observation
    read       what the sensor has said
    bad        frames of it that were dropped
    accepted   what the journal has kept: read = accepted + duplicate
    duplicate  equal to one that was accepted before
    late       of the accepted: observed more than a minute before
    given_up   of the accepted: removed unacknowledged by the journal's full policy
    """

    sensor: str
    hour_ms: int
    journal: str
    expected: int | None = None
    read: int = 0
    bad: int = 0
    accepted: int = 0
    duplicate: int = 0
    late: int = 0
    given_up: int = 0


Key = tuple[str, str, int]


class Gathering:
    """Manifests being put together from the records of a pack."""

    def __init__(self) -> None:
        self._counts: dict[Key, dict[str, int]] = {}

    def take(self, name: str, unit: str | None, time_ms: int, value: float | None) -> bool:
        """Take a record over; False when its name is none of a manifest's. Raises ValueError."""
        match = _NAME.fullmatch(name)
        if match is None:
            return False
        sensor, journal, count = match.groups()
        if value is None or not value.is_integer() or not 0 <= value < MOST or unit not in (None, "count"):
            raise ValueError(f"{name} must be a count")
        if time_ms % HOUR_MS:
            raise ValueError(f"{name} must be dated at the start of an hour")
        counts = self._counts.setdefault((sensor, journal, time_ms), {})
        if count in COUNTS:  # a newer agent may count more
            counts[count] = int(value)
        return True

    def manifests(self) -> tuple[Manifest, ...]:
        """What has been gathered."""
        return tuple(
            Manifest(sensor=sensor, hour_ms=hour_ms, journal=journal, **counts)
            for (sensor, journal, hour_ms), counts in self._counts.items()
        )


def to_records(site: str, manifests: Sequence[Manifest]) -> list[dict[str, Any]]:
    """The SenML records of the manifests of a gateway at `site`, as JSON labels; at most len(COUNTS) for each."""
    records: list[dict[str, Any]] = []
    for manifest in manifests:
        head: dict[str, Any] = {
            "bn": f"{manifest.sensor}/manifest/{manifest.journal}/",
            "bt": manifest.hour_ms / 1000,
        }
        if not records:
            head |= {"bu": "count", "site": site}
        for count in COUNTS:
            value = getattr(manifest, count)
            if value or count == "read" or (count == "expected" and value is not None):
                records.append(head | {"n": count, "v": value})
                head = {}
    return records
