"""Under which kind a series is told of, from when and until when: one kind at a time. Pure.

What opens: the bank's protecting head is sure, or the series leans away from what is usual at its hour. What it is called: what only
an instrument does (zeros, another unit, noise, standing still) by its own name; else the other sensors of the site that measure the
same are asked. See they it too, the city is unusual; see they nothing, the sensor drifts or is biased. Where there is nobody to ask
the bank's name stands. What lasts a day is the new normal.
"""

from collections.abc import Iterator, Mapping

import numpy as np

from ingest.detectors.bank import Bank, band
from ingest.detectors.finding import Finding
from ingest.detectors.lanes import F32, F64, I64, Block, Bools, Lanes
from ingest.detectors.residuals import Frame
from ingest.detectors.unusual import JUMP, NAMED, OPEN
from ingest.lean import Lean
from ingest.profile import Band, Profile
from telemetry.anomaly import AnomalyKind

SURE = 1.4  # of the bank's threshold: so much it takes before the city is told
LEANS = 1.3  # half widths of the usual band
LEAVE = 0.5  # below this share of the threshold it is calm ...
CALM = 3  # ... and over after so many
SETTLED = 3  # looks until a kind has its name
SLOWLY_S = 5400.0  # on its way for so long: a drift
NORMAL_S = 86_400.0  # told for so long: it is the new normal
AGREES, DISAGREES = 0.6, 0.4  # half widths in the same direction
HEARD_MS = 1_800_000  # a neighbour that was heard so lately is asked
TOLD = (
    AnomalyKind.ZERO,
    AnomalyKind.UNIT,
    AnomalyKind.NOISE,
    AnomalyKind.DRIFT,
    AnomalyKind.BIAS,
    AnomalyKind.UNUSUAL,
)
OWN = (AnomalyKind.ZERO, AnomalyKind.UNIT, AnomalyKind.NOISE)  # what instruments do
TABLES: Mapping[str, Block] = {
    "kind": ((), np.uint8),  # index into TOLD + 1 of what is being told, 0 = nothing
    "calm": ((), np.uint8),
    "since": ((), np.int64),
    "regime": ((), np.uint8),  # looks at which the new normal is still told of
    "heard": ((), np.int64),
}
Found = list[tuple[AnomalyKind, Finding]]
Group = tuple[str, str]  # site, quantity


class Namer:
    """Lanes are numbered as the survey's."""

    def __init__(self, bank: Bank, profile: Profile, lean: Lean) -> None:
        self._bank, self._profile, self._lean = bank, profile, lean
        self.lanes = Lanes((), TABLES)
        self._group: dict[int, Group] = {}
        self._members: dict[Group, set[int]] = {}

    def place(self, lane: int, group: Group | None) -> None:
        """Where the series is measured; None: nobody can be asked about it."""
        before = self._group.get(lane)
        if before == group or group is None:
            return
        if before is not None:
            self._members[before].discard(lane)
        self._group[lane] = group
        self._members.setdefault(group, set()).add(lane)

    def calm(self, lanes: I64) -> Bools:
        """Of which nothing is being told: they may learn what is usual."""
        quiet: Bools = self.lanes.tables["kind"][lanes] == 0
        return quiet

    def tell(
        self, frame: Frame, values: F64, at_ms: I64, usual: Band, lean: F32
    ) -> Iterator[tuple[int, Found]]:
        """(column of the frame, what is found)."""
        tables, lanes = self.lanes.tables, frame.lanes
        tables["heard"][lanes] = at_ms
        (near,) = np.nonzero(
            (frame.new.get("open", frame.old["open"]) > 0)
            | (frame.kinds[AnomalyKind.ZERO] >= 1)
            | (np.abs(lean) >= LEANS)
            | (tables["kind"][lanes] > 0)
            | (tables["regime"][lanes] > 0)
        )
        if not len(near):
            return
        edges = band(frame, self._bank.lanes)
        for column in near.tolist():
            found = self._tell(frame, column, int(at_ms[column]), abs(float(lean[column])))
            if not found:
                continue
            by_hour = not np.isnan(usual.expected[column])
            low, expected, high = (
                (float(usual.low[column]), float(usual.expected[column]), float(usual.high[column]))
                if by_hour
                else (float(edges[1][column]), float(edges[0][column]), float(edges[2][column]))
            )
            bounded = np.isfinite(high)
            agree, against = self._ask(int(lanes[column]), int(at_ms[column]))
            yield (
                column,
                [
                    (
                        kind,
                        Finding(
                            score,
                            float(values[column]),
                            int(at_ms[column]),
                            expected,
                            low if bounded else None,
                            high if bounded else None,
                            by_hour=by_hour,
                            agree=agree,
                            against=against,
                        ),
                    )
                    for kind, score in found
                ],
            )

    def _tell(
        self, frame: Frame, column: int, at_ms: int, lean: float
    ) -> list[tuple[AnomalyKind, float]]:
        """The kind being told and how far from usual it is now: at least 1 while it lasts."""
        lane, tables = int(frame.lanes[column]), self.lanes.tables
        found: list[tuple[AnomalyKind, float]] = []
        if tables["regime"][lane]:
            tables["regime"][lane] -= 1
            found.append((AnomalyKind.REGIME, 0.0))
        zero = float(frame.kinds[AnomalyKind.ZERO][column])
        sure = float(frame.found["strange_safe"][column]) / OPEN
        score = max(zero if zero >= 1 else 0.0, sure, lean / LEANS)
        if not tables["kind"][lane]:
            kind = self._name(frame, column, at_ms, zero, sure, lean)
            if kind is None:
                return found
            tables["kind"][lane], tables["calm"][lane] = TOLD.index(kind) + 1, 0
            tables["since"][lane] = at_ms
        kind = TOLD[tables["kind"][lane] - 1]
        if at_ms - tables["since"][lane] >= NORMAL_S * 1000 and kind not in OWN and lean >= LEANS:
            self._profile.shift(lane, self._lean.of(lane)[2])
            self._lean.settle(lane)
            tables["regime"][lane] = CALM + 1
            tables["since"][lane] = at_ms
            found.append((AnomalyKind.REGIME, max(1.0, lean / LEANS)))
        tables["calm"][lane] = 0 if score >= LEAVE else tables["calm"][lane] + 1
        calm = int(tables["calm"][lane])
        if calm >= CALM:
            tables["kind"][lane] = 0
        return [*found, (kind, max(score, 1.0) if not calm else score)]

    def _name(
        self, frame: Frame, column: int, at_ms: int, zero: float, sure: float, lean: float
    ) -> AnomalyKind | None:
        if zero >= 1:
            return AnomalyKind.ZERO
        banks = _banks(frame, column)
        if sure < SURE or banks is None or banks not in (*TOLD, AnomalyKind.SPIKE, AnomalyKind.REGIME):
            banks = None
        if banks is None and lean < LEANS:
            return None
        agree, against = self._ask(int(frame.lanes[column]), at_ms)
        if agree and agree >= against:
            return AnomalyKind.UNUSUAL
        if banks in OWN:
            return banks
        if banks is not None and banks not in TOLD and lean < LEANS:
            return None  # a spike is told by who looks at every reading
        _, rising_s, _, _ = self._lean.of(int(frame.lanes[column]))
        slow = rising_s >= SLOWLY_S or float(frame.new["jump"][column]) < JUMP
        if against:
            return AnomalyKind.DRIFT if slow else AnomalyKind.BIAS
        if banks in TOLD and banks is not AnomalyKind.UNUSUAL:
            return AnomalyKind.DRIFT if slow else AnomalyKind.BIAS
        return AnomalyKind.DRIFT if rising_s >= SLOWLY_S else AnomalyKind.UNUSUAL

    def _ask(self, lane: int, at_ms: int) -> tuple[int, int]:
        """How many sensors of the site that measure the same see it too, and how many do not."""
        group = self._group.get(lane)
        mine, _, _, known = self._lean.of(lane)
        if group is None or not known:
            return 0, 0
        agree = against = 0
        for other in self._members[group]:
            theirs, _, _, sees = self._lean.of(other)
            if other == lane or not sees or at_ms - self.lanes.tables["heard"][other] > HEARD_MS:
                continue
            along = theirs if mine > 0 else -theirs
            agree += along >= AGREES
            against += along < DISAGREES
        return agree, against


def _banks(frame: Frame, column: int) -> AnomalyKind | None:
    if "kind" not in frame.new or frame.new["open"][column] < SETTLED:
        return None
    return NAMED[int(frame.new["kind"][column]) - 1]
