"""Packs of readings whose time can never be known: their boot ended before any clock was trusted. Pure.

A SenML pack whose first record carries two labels more than ours (see `telemetry.packs`): `boot`, the id of that boot, and
`undatable_`, the earliest and the latest time in seconds that its readings can have. By its underscore (RFC 8428 section
4.4) a reader that does not know it must leave the whole pack alone. `t` is in seconds since that boot.

    [{"bn":"bai-chay-pm-1/","site":"bai-chay","boot":"45dd…","undatable_":[1700000000.0,1700003600.0],"n":"pm25","u":"ug/m3",
      "t":12.5,"v":12.0}, …]
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec

from telemetry.inventory import check_id
from telemetry.packs import MAX_READINGS, TIME_BELOW
from telemetry.quantities import QUANTITIES
from telemetry.reading import Flag, Reading

LABEL = "undatable_"


class UndatablePack(NamedTuple):
    """`records` are (sensor, quantity, ms since boot, value, flags), taken between `earliest_ms` and `latest_ms`."""

    site: str
    boot: str
    earliest_ms: int
    latest_ms: int
    records: list[tuple[str, str, int, float, int]]

    def words(self) -> str:
        """Whose, when at the earliest, when at the latest."""
        sensors = ", ".join(sorted({record[0] for record in self.records}))
        return (
            f"{len(self.records)} readings of {sensors}, taken between {_utc(self.earliest_ms)} and"
            f" {_utc(self.latest_ms)} in boot {self.boot}, which never knew the time"
        )

    def at_the_latest(self) -> tuple[Reading, ...]:
        """The readings as late as they can be, their distances kept: a guess, and marked so."""
        last = max(record[2] for record in self.records)
        return tuple(
            Reading(sensor, quantity, self.latest_ms - (last - at), value, flags | Flag.GUESSED_TIME)
            for sensor, quantity, at, value, flags in self.records
        )


class _Record(msgspec.Struct, gc=False):
    n: str
    t: float
    v: float
    bn: str = ""
    site: str = ""
    boot: str = ""
    fl: int = 0
    undatable_: tuple[float, float] | None = None


_RECORDS = msgspec.json.Decoder(list[_Record])


def encode(site: str, boot: str, span: tuple[int, int], readings: Sequence[Reading]) -> bytes:
    """A pack in JSON; `span` in ms since 1970, `observed_at` of the readings in ms since the boot."""
    records: list[dict[str, object]] = []
    sensor = None
    for reading in readings:
        record: dict[str, object] = {}
        if reading.sensor != sensor:
            sensor = reading.sensor
            record["bn"] = f"{sensor}/"
        if not records:
            record |= {"site": site, "boot": boot, LABEL: [span[0] / 1000, span[1] / 1000]}
        record |= {"n": reading.quantity, "u": QUANTITIES[reading.quantity].unit}
        record |= {"t": reading.observed_at / 1000, "v": reading.value}
        if reading.flags:
            record["fl"] = int(reading.flags)
        records.append(record)
    return msgspec.json.encode(records)


def decode(payload: bytes) -> UndatablePack | None:
    """The pack in `payload`; None when it is none of these."""
    try:
        records = _RECORDS.decode(payload)
        if not 0 < len(records) <= MAX_READINGS or (span := records[0].undatable_) is None:
            return None
        base, found = "", []
        for record in records:
            base = record.bn or base
            if record.n not in QUANTITIES or not 0 <= record.fl < 2**31:
                return None
            found.append((check_id(base.rstrip("/")), record.n, round(record.t * 1000), record.v, record.fl))
        site = check_id(records[0].site)
        earliest_ms, latest_ms = round(span[0] * 1000), round(span[1] * 1000)
        if not 0 <= earliest_ms <= latest_ms < TIME_BELOW * 1000:
            return None
    except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError):
        return None
    return UndatablePack(site, records[0].boot, earliest_ms, latest_ms, found)


def _utc(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
