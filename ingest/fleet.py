"""Where a new series of the city begins when the hub knows others of its quantity: with what they have shown. Pure.

After FEW looks, and only then, it takes over how far they scatter and how rare what is (`ingest.detectors.priors`), and the shape
of their day, put at its own level. From then on it is its own: what it is told never depends on the others again. The order
of lanes does not matter, so that a restart before that changes nothing.
"""

from bisect import insort

import numpy as np

from ingest.detectors import priors
from ingest.detectors.lanes import F64, I64, Lanes
from ingest.detectors.residuals import DAY_S
from telemetry.times import DAY_MS, HOUR_MS

FEW = 6  # looks of its own
GROWN_LOOKS, GROWN_DAYS = 1000, 7  # so old is grown ...
GROWN_HOURS = 4  # ... and was seen on so many days at every hour
LEAST, MOST = 3, 64  # so many grown ones are asked
DAYS = 5  # days' worth of theirs in a new one's
APART = 4.0  # times what is usual: who lies so far from all others is taken at its word


class Fleet:
    """Lanes are numbered as the survey's; the bank's and the profile's are written to."""

    def __init__(self, bank: Lanes, profile: Lanes) -> None:
        self._bank, self._profile = bank, profile
        self._lanes: dict[str, list[tuple[str, int]]] = {}  # by quantity, in the order of sensors
        self._quantity: list[str] = []

    def add(self, lane: int, sensor: str, quantity: str) -> None:
        """One more series, on the next lane."""
        self._quantity.append(quantity)
        insort(self._lanes.setdefault(quantity, []), (sensor, lane))

    def begin(self, lanes: I64, local_ms: I64) -> None:
        """Lanes that were looked at FEW times now, the last time at these civil times."""
        for lane, at_ms in zip(lanes.tolist(), local_ms.tolist(), strict=True):
            grown = self._grown(self._quantity[lane])
            if len(grown) >= LEAST:
                priors.take_over(self._bank, lane, grown, self._day(lane, grown, at_ms))

    def _grown(self, quantity: str) -> I64:
        lanes = np.array([lane for _, lane in self._lanes[quantity]], np.int64)
        rows, days = self._bank.read(lanes), self._profile.tables["days"][lanes]
        old = (rows["n"] >= GROWN_LOOKS) & (rows["age"] >= GROWN_DAYS * DAY_S)
        grown = lanes[old & (days >= GROWN_HOURS).all(1)]
        return grown[:: -(-len(grown) // MOST) or 1]

    def _day(self, lane: int, grown: I64, local_ms: int) -> float:
        """Write the day that is usual for them, where this lane lies; that level."""
        own, tables = self._bank.read(np.array([lane])), self._profile.tables
        usual = tables["day"][grown].astype(np.float64)
        theirs = usual.mean(1)
        shapes = usual - theirs[:, None]
        shape = np.median(shapes, 0)
        off = np.median(tables["off"][grown], 0) + np.abs(shapes - shape).mean(0)
        middle_ms = local_ms - (FEW - 1) / 2 * 1000 * float(own["interval"][0])
        mine = float(own["level"][0]) + float(self._bank.tables["origin"][lane, 0]) - _at(shape, middle_ms)
        common = float(np.median(theirs))
        spread, doubt = float(np.abs(theirs - common).mean()), _at(off, middle_ms)
        if abs(mine - common) > APART * (spread + doubt):
            level, unsure = mine, doubt
        else:
            both = spread**2 + doubt**2
            level = common + (mine - common) * spread**2 / both if both else common
            unsure = spread * doubt / both**0.5 if both else 0.0
        tables["day"][lane], tables["days"][lane], tables["off"][lane] = level + shape, DAYS, off + unsure
        wide = np.median(self._profile.read(grown)["wide"])
        self._profile.write(slice(lane, lane + 1), {"wide": np.array([wide], np.float32)})
        return level


def _at(hours: F64, local_ms: float) -> float:
    """Of 24 numbers that hold in the middle of their hour, what holds at this time."""
    place = local_ms % DAY_MS / HOUR_MS - 0.5
    return float(np.interp(place % 24, np.arange(25), np.r_[hours, hours[0]]))
