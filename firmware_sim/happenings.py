"""What happens in the city and not to a sensor: every sensor of the site that measures it sees it. Pure."""

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import NamedTuple

from firmware_sim.device import Measure
from firmware_sim.model import SPIKES
from telemetry.quantities import QUANTITIES


class HappeningKind(StrEnum):
    """What happens."""

    BURST = "burst"  # smoke, a horn: far out, soon over
    LEVEL = "level"  # much more than is usual for hours, and slowly less
    REGIME = "regime"  # another level from now on
    RHYTHM = "rhythm"  # what comes at this hour every day does not: no rush, lights that stay off


SIZES = {HappeningKind.BURST: 0.8, HappeningKind.LEVEL: 0.4, HappeningKind.REGIME: 0.3}  # of a spike


class Happening(NamedTuple):
    """At one site, in these quantities; times in seconds since the start of the simulation."""

    site: str
    kind: HappeningKind
    quantities: tuple[str, ...]
    start_s: float
    duration_s: float

    def share(self, at_s: float) -> float:
        """How much of a spike it adds at this time."""
        done = (at_s - self.start_s) / self.duration_s
        if not 0 <= done < 1 or self.kind is HappeningKind.RHYTHM:
            return 0.0
        fades = (1 - done) / 0.25 if self.kind is HappeningKind.LEVEL else 1.0
        return SIZES[self.kind] * min(1.0, fades)

    def missed(self, typical: Callable[[float], float], at_s: float) -> float:
        """What does not come by this time, of what is typical at any."""
        if self.kind is not HappeningKind.RHYTHM or not 0 <= at_s - self.start_s < self.duration_s:
            return 0.0
        return typical(at_s) - typical(self.start_s)


def lived(
    measure: Measure, happenings: Sequence[Happening], *, start_s: float, typical: Measure | None = None
) -> Measure:
    """What a sensor measures at a site where this happens; `start_s` is when the simulation began, since 1970. `typical` is what
    it measures but for its noise."""
    if not happenings:
        return measure

    def measured(quantity: str, at_s: float) -> float:
        value = measure(quantity, at_s)
        size = SPIKES.get(quantity, 0.0)
        more = sum(one.share(at_s - start_s) * size for one in happenings if quantity in one.quantities)
        if typical is not None:
            more -= sum(
                one.missed(lambda since_s: typical(quantity, start_s + since_s), at_s - start_s)
                for one in happenings
                if quantity in one.quantities
            )
        possible = QUANTITIES[quantity]
        return min(max(value + more, possible.low), possible.high) if more else value

    return measured
