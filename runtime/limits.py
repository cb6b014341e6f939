"""Limits of regulation: the commented file they stand in (`runtime/limits.toml`), read and checked."""

from datetime import date
from pathlib import Path
from typing import Literal

import msgspec

from runtime.config import ConfigError, load
from telemetry.anomaly import Severity
from telemetry.quantities import QUANTITIES, Kind

SHIPPED = Path(__file__).parent / "limits.toml"
NONE = "none"


class Limit(msgspec.Struct, frozen=True):
    """One limit; what each key means stands at the top of the file. `limit` in the quantity's unit."""

    rule: str
    quantity: str
    hours: Literal[1, 8, 24]
    limit: float
    since: date | None = None
    until: date | None = None
    from_hour: int = 0
    to_hour: int = 24
    sites: tuple[str, ...] = ()
    not_sites: tuple[str, ...] = ()
    severity: Severity = Severity.WARNING

    def holds(self, site: str, day: date, hour: int) -> bool:
        """Whether it is in force there, for a mean whose last hour begins at that city hour of that day."""
        in_hours = (
            self.from_hour <= hour < self.to_hour
            if self.from_hour < self.to_hour
            else hour >= self.from_hour or hour < self.to_hour
        )
        return (
            in_hours
            and (self.since is None or self.since <= day)
            and (self.until is None or day <= self.until)
            and (not self.sites or site in self.sites)
            and site not in self.not_sites
        )


class Limits(msgspec.Struct, frozen=True):
    """The file."""

    limits: tuple[Limit, ...] = ()


def read(path: str) -> tuple[Limit, ...]:
    """The limits in the file at `path`; "" is the shipped one, "none" is no limit. Raises ConfigError."""
    if path == NONE:
        return ()
    where = Path(path) if path else SHIPPED
    found = load(where, Limits).limits
    for number, one in enumerate(found):
        entry = f"{where}: limits[{number}]"
        if one.quantity not in QUANTITIES:
            raise ConfigError(f"{entry}: no quantity {one.quantity!r}")
        if QUANTITIES[one.quantity].kind not in (Kind.GAUGE, Kind.LEVEL_DB):
            raise ConfigError(f"{entry}: {one.quantity} has no mean that a limit could be for")
        if not (0 <= one.from_hour <= 24 and 0 <= one.to_hour <= 24 and one.from_hour != one.to_hour):
            raise ConfigError(f"{entry}: from_hour and to_hour are two different hours of 0 to 24")
        if not 0 < one.limit < 1e9:
            raise ConfigError(f"{entry}: limit must be above 0")
    return found
