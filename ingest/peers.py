"""The other sensors of a quantity: those of the site are asked, what most of the city has in common is the weather. Pure."""

from collections.abc import Mapping

import numpy as np

from ingest.detectors.lanes import I64, Block, Bools, Lanes
from ingest.lean import Lean

AGREES, DISAGREES = 0.6, 0.4  # half widths in the same direction
HEARD_MS = 1_800_000  # who was heard so lately is asked
CITY_SENSORS, CITY_SITES = 4, 3  # of a quantity: from so many on what they have in common is the weather
LITTLE = 0.6  # half widths: who leans less is not compared with the city
STRANGE_MS = 10_800_000  # so long a new level may stay strange, until it is accepted everywhere
TABLES: Mapping[str, Block] = {"heard": ((), np.int64), "strange": ((), np.int64)}  # when last, ms
Group = tuple[str, str]  # site, quantity


class Peers:
    """Lanes are numbered as the survey's."""

    def __init__(self, lean: Lean) -> None:
        self._lean = lean
        self.lanes = Lanes((), TABLES)
        self._group: dict[int, Group] = {}
        self._members: dict[Group, list[int]] = {}
        self._sites: dict[str, set[str]] = {}  # by quantity

    def place(self, lane: int, group: Group | None) -> None:
        """Where the series is measured; None: nobody can be asked about it."""
        before = self._group.get(lane)
        if before == group or group is None:
            return
        if before is not None:
            self._members[before].remove(lane)
        self._group[lane] = group
        self._members.setdefault(group, []).append(lane)
        self._sites.setdefault(group[1], set()).add(group[0])

    def look(self, lanes: I64, at_ms: I64, strange: Bools) -> None:
        """These lanes were heard, and what some of them said was strange for them."""
        self.lanes.tables["heard"][lanes] = at_ms
        self.lanes.tables["strange"][lanes[strange]] = at_ms[strange]

    def quantity(self, lane: int) -> str:
        """What a placed lane measures; "" of others."""
        return self._group.get(lane, ("", ""))[1]

    def common(self, lane: int, at_ms: int) -> float:
        """How far the sensors of its quantity lean in the whole city, in half widths."""
        quantity = self.quantity(lane)
        if len(self._sites.get(quantity, ())) < CITY_SITES:
            return 0.0
        lanes = self._heard(quantity, at_ms)
        rows = self._lean.lanes.read(lanes)
        leans = rows["lean"][rows["known"] > 0]
        return float(np.median(leans)) if len(leans) >= CITY_SENSORS else 0.0

    def lean(self, lane: int, at_ms: int) -> float:
        """How far the lane leans beyond that."""
        lean, _, _, known = self._lean.of(lane)
        return lean - self.common(lane, at_ms) if known and abs(lean) >= LITTLE else lean

    def is_shared(self, lane: int, at_ms: int) -> bool:
        """Whether something was strange lately to most of the sensors of its quantity at other sites: of an hour of which nothing
        is known yet, it is the hour."""
        site, quantity = self._group.get(lane, ("", ""))
        if len(self._sites.get(quantity, ())) < CITY_SITES:
            return False
        others = self._heard(quantity, at_ms, but=site)
        strange = at_ms - self.lanes.tables["strange"][others] <= STRANGE_MS
        return len(others) >= CITY_SENSORS - 1 and 2 * int(strange.sum()) >= len(others)

    def ask(self, lane: int, at_ms: int) -> tuple[int, int]:
        """How many sensors of the site that measure the same see it too, and how many do not."""
        group = self._group.get(lane)
        lean, _, _, known = self._lean.of(lane)
        if group is None or not known:
            return 0, 0
        common = self.common(lane, at_ms)
        agree = against = 0
        for other in self._members[group]:
            theirs, _, _, sees = self._lean.of(other)
            if other == lane or not sees or at_ms - self.lanes.tables["heard"][other] > HEARD_MS:
                continue
            along = theirs - common if lean > common else common - theirs
            agree += along >= AGREES
            against += along < DISAGREES
        return agree, against

    def _heard(self, quantity: str, at_ms: int, but: str = "") -> I64:
        """The lanes of a quantity that were heard lately, but those of one site."""
        sites = sorted(self._sites[quantity] - {but})
        lanes = np.array([lane for site in sites for lane in self._members[site, quantity]], np.int64)
        return lanes[at_ms - self.lanes.tables["heard"][lanes] <= HEARD_MS]
