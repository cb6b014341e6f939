"""Under which kind a series is told of, from when and until when: one kind at a time. Pure.

What opens: the bank's protecting head is sure, or the series leans away from what is usual at its hour, beyond what all sensors
of the city that measure the same have in common (that is the weather). What it is called, after a few looks: what only an
instrument does (zeros, another unit, noise) by its own name; else the other sensors of the site that measure the same are asked.
See they it too, the city is unusual; see they nothing, the sensor drifts or is biased. Where there is nobody to ask, people make
noise, dust and traffic, and weather and mains do not jump. What lasts a day is the new normal.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from ingest.detectors.bank import Bank, band
from ingest.detectors.finding import Finding
from ingest.detectors.lanes import F64, I64, Block, Bools, Lanes
from ingest.detectors.residuals import Frame
from ingest.detectors.units import FAHRENHEIT
from ingest.detectors.unusual import NAMED, SWINGS
from ingest.lean import Lean
from ingest.peers import Peers
from ingest.profile import Band, Profile
from ingest.rhythm import Rhythm
from telemetry.anomaly import AnomalyKind

AT = 8.5  # decades of all sides of the bank together, with the record and what came just before: a score of 1
SURE = 1.4  # of that: so much it takes before the city is told
LEANS = 1.2  # half widths of the usual band
SHARED = 0.6  # of its own lean: with less beyond what the city has in common it is the weather
FAR = 2.5  # half widths: a single reading of a slow sensor there, of which the bank is sure, is a spike
LEAVE = 0.5  # below this share of the threshold it is calm ...
CALM = 3  # ... and over after so many
SETTLED = 3  # looks until a kind has its name
SLOWLY_S = 1800.0  # on its way for so long before it opened: a drift
RENAMED = 12  # looks in which an instrument's own kind may still replace another
NORMAL_S = 86_400.0  # told for so long: it is the new normal
STRANGE = 0.6  # of the threshold: what is as strange to most of the city is the weather, or the hour
# How the names of quantities begin that people can change at once.
PEOPLE = ("pm", "noise", "co", "no2", "so2", "vehicle", "occupancy")
TOLD = (
    AnomalyKind.ZERO,
    AnomalyKind.UNIT,
    AnomalyKind.NOISE,
    AnomalyKind.DRIFT,
    AnomalyKind.BIAS,
    AnomalyKind.UNUSUAL,
    AnomalyKind.STUCK,
    AnomalyKind.RHYTHM,
)
OWN = (AnomalyKind.ZERO, AnomalyKind.UNIT, AnomalyKind.NOISE, AnomalyKind.STUCK)  # what instruments do
TABLES: Mapping[str, Block] = {
    "kind": ((), np.uint8),  # index into TOLD + 1 of what is being told, 0 = nothing
    "calm": ((), np.uint8),
    "waits": ((), np.uint8),  # looks since something opened
    "rose": ((), np.float32),  # s for which it had been on its way then
    "left": ((), np.uint8),  # the kind that was told before it was renamed ...
    "leaving": ((), np.uint8),  # ... and looks at which it is still told to be over
    "leant": ((), np.uint8),  # whether it has leaned since then
    "since": ((), np.int64),
    "regime": ((), np.uint8),  # looks at which the new normal is still told of
}
Found = list[tuple[AnomalyKind, Finding]]


class Looks(NamedTuple):
    """What a frame's columns are: `slow` ones are single readings, the others means of minutes."""

    values: F64
    at_ms: I64
    slow: Bools
    usual: Band


class _Signs(NamedTuple):
    """Of one look, each in its threshold: at least 1 is found."""

    zero: float
    stuck: float
    sure: float
    lean: float
    own: AnomalyKind | None  # what only an instrument does


class Namer:
    """Lanes are numbered as the survey's."""

    def __init__(self, bank: Bank, profile: Profile, lean: Lean, rhythm: Rhythm, peers: Peers) -> None:
        self._bank, self._profile, self._lean, self._rhythm, self._peers = bank, profile, lean, rhythm, peers
        self.lanes = Lanes((), TABLES)

    def calm(self, lanes: I64) -> Bools:
        """Of which nothing is being told: they may learn what is usual."""
        quiet: Bools = self.lanes.tables["kind"][lanes] == 0
        return quiet

    def tell(self, frame: Frame, looks: Looks) -> Iterator[tuple[int, Found]]:
        """(column of the frame, what is found)."""
        tables, lanes = self.lanes.tables, frame.lanes
        self._peers.look(lanes, looks.at_ms, frame.found["whole"] >= STRANGE * AT)
        leans = np.abs(self._lean.lanes.read(lanes)["lean"]) >= LEANS
        (near,) = np.nonzero(
            leans
            | (frame.new.get("open", frame.old["open"]) > 0)
            | (frame.kinds[AnomalyKind.ZERO] >= 1)
            | (frame.kinds[AnomalyKind.STUCK] >= 1)
            | (tables["kind"][lanes] > 0)
            | (tables["regime"][lanes] > 0)
        )
        tables["waits"][lanes[np.setdiff1d(np.arange(len(lanes)), near)]] = 0
        if not len(near):
            return
        edges = band(frame, self._bank.lanes)
        for column in near.tolist():
            told = list(self._tell(frame, looks, column))
            if told:
                finding = self._finding(looks, edges, column, int(lanes[column]))
                yield column, [(kind, finding._replace(score=score)) for kind, score in told]

    def _finding(self, looks: Looks, edges: tuple[F64, F64, F64], column: int, lane: int) -> Finding:
        by_hour = not np.isnan(looks.usual.expected[column])
        low, expected, high = (
            (looks.usual.low, looks.usual.expected, looks.usual.high)
            if by_hour
            else (edges[1], edges[0], edges[2])
        )
        bounded = bool(np.isfinite(high[column]))
        at_ms = int(looks.at_ms[column])
        agree, against = self._peers.ask(lane, at_ms)
        missing = self._rhythm.missing(lane)
        return Finding(
            0.0,
            float(looks.values[column]),
            at_ms,
            float(expected[column]),
            float(low[column]) if bounded else None,
            float(high[column]) if bounded else None,
            by_hour=by_hour,
            agree=agree,
            against=against,
            before=missing.level if missing else None,
            before_ms=missing.since_ms if missing else 0,
        )

    def _tell(self, frame: Frame, looks: Looks, column: int) -> Iterator[tuple[AnomalyKind, float]]:
        """The kind being told and how far from usual it is now: at least 1 while it lasts."""
        lane, tables, at_ms = int(frame.lanes[column]), self.lanes.tables, int(looks.at_ms[column])
        if tables["regime"][lane]:
            tables["regime"][lane] -= 1
            yield AnomalyKind.REGIME, 0.0
        if tables["leaving"][lane]:
            tables["leaving"][lane] -= 1
            yield TOLD[tables["left"][lane] - 1], 0.0
        zero, stuck = (float(frame.kinds[kind][column]) for kind in (AnomalyKind.ZERO, AnomalyKind.STUCK))
        sure = float(frame.found["whole"][column]) / AT
        lean = abs(self._peers.lean(lane, at_ms)) / LEANS
        score = max(sure, lean, *(one for one in (zero, stuck, 0.0) if one >= 1 or not one))
        if not tables["kind"][lane] and sure >= 1 and self._is_spike(looks, column, lane):
            yield AnomalyKind.SPIKE, max(2.0, sure)
        own = self._own(frame, looks, column)
        kind = self._name(frame, column, at_ms, _Signs(zero, stuck, sure, lean, own))
        if kind is None:
            return
        index = TOLD.index(kind) + 1
        if tables["kind"][lane] not in (0, index):
            tables["left"][lane], tables["leaving"][lane] = tables["kind"][lane], CALM
        if tables["kind"][lane] != index:
            tables["kind"][lane], tables["calm"][lane], tables["since"][lane] = index, 0, at_ms
        if at_ms - tables["since"][lane] >= NORMAL_S * 1000 and kind not in OWN and lean >= 1:
            self._profile.shift(lane, self._lean.of(lane)[2])
            self._lean.settle(lane)
            tables["regime"][lane], tables["since"][lane] = CALM + 1, at_ms
            yield AnomalyKind.REGIME, max(1.0, lean)
        tables["leant"][lane] |= lean >= 1
        leant = kind in OWN or tables["leant"][lane] > 0
        back = kind is AnomalyKind.RHYTHM or (leant and max(zero, stuck) < 1 and _is_back(looks, column))
        if back:
            score = lean  # for hours the bank finds strange that all is as usual again
        tables["calm"][lane] = 0 if score >= LEAVE else tables["calm"][lane] + 1
        calm = int(tables["calm"][lane])
        if calm >= CALM:
            tables["kind"][lane] = tables["leant"][lane] = 0
            tables["waits"][lane] = RENAMED + 1 if back else 0  # only a lean opens anew
        yield kind, max(score, 1.0) if not calm else score

    def _is_spike(self, looks: Looks, column: int, lane: int) -> bool:
        """A single reading of a slow sensor, far out of what is usual at its hour, while the weather is as usual."""
        if not looks.slow[column] or np.isnan(looks.usual.expected[column]):
            return False
        if self._rhythm.may_be_missing(lane):
            return False  # it did not move
        expected, high = float(looks.usual.expected[column]), float(looks.usual.high[column])
        common = self._peers.common(lane, int(looks.at_ms[column]))
        return abs(float(looks.values[column]) - expected - common * (high - expected)) >= FAR * (
            high - expected
        )

    def _name(self, frame: Frame, column: int, at_ms: int, signs: "_Signs") -> AnomalyKind | None:
        """The kind it has, or gets now."""
        lane, tables = int(frame.lanes[column]), self.lanes.tables
        has = TOLD[tables["kind"][lane] - 1] if tables["kind"][lane] else None
        if has is None and signs.lean >= 1 and tables["waits"][lane] > RENAMED:
            tables["waits"][lane] = 0  # it was the weather that opened; now it leaves that too
        if has in OWN or tables["waits"][lane] > RENAMED:
            return has
        if signs.zero >= 1 or signs.stuck >= 1:
            return AnomalyKind.ZERO if signs.zero >= 1 else AnomalyKind.STUCK
        # What goes out and back is as usual in between.
        opens = signs.sure >= SURE or signs.lean >= 1 or (signs.own is not None and tables["waits"][lane] > 0)
        if has is None and not opens:
            tables["waits"][lane] = 0
            return None
        tables["waits"][lane] += 1
        if tables["waits"][lane] == 1 or signs.lean < 1:
            tables["rose"][lane] = self._lean.of(lane)[1]
        if tables["waits"][lane] < SETTLED:
            return None
        banks = _banks(frame, column) if signs.sure >= SURE else None
        banks = banks if banks in OWN else signs.own or banks
        if has is not None:
            if has is not AnomalyKind.RHYTHM and self._misses(lane, at_ms, signs.lean):
                return AnomalyKind.RHYTHM
            return banks if banks in OWN and not self._peers.ask(lane, at_ms)[0] else has
        return self._new_name(frame, column, at_ms, banks, signs.lean)

    def _new_name(
        self, frame: Frame, column: int, at_ms: int, banks: AnomalyKind | None, lean: float
    ) -> AnomalyKind | None:
        lane = int(frame.lanes[column])
        raw, _, _, known = self._lean.of(lane)
        if not known and self._peers.is_shared(lane, at_ms):
            return None
        slow = float(self.lanes.tables["rose"][lane]) >= SLOWLY_S and self._lean.crept(lane)
        agree, against = self._peers.ask(lane, at_ms)
        if self._misses(lane, at_ms, lean):
            return AnomalyKind.RHYTHM
        if self._rhythm.may_be_missing(lane) and self.lanes.tables["waits"][lane] < RENAMED:
            return None  # the next looks will show it
        if agree and agree >= against:
            return AnomalyKind.UNUSUAL
        if banks in OWN:
            return banks
        if lean < 1 and known and self.lanes.tables["waits"][lane] < RENAMED:
            return None  # the hour will show it
        if against or (slow and lean >= 1):
            return AnomalyKind.DRIFT if slow else AnomalyKind.BIAS
        if lean < 1:
            shared = lean < LEAVE or lean * LEANS < SHARED * abs(raw)
            weather = shared and abs(raw) >= LEAVE * LEANS
            # A spike is told by who looks at every reading.
            return banks if banks in TOLD and not weather else None
        people = (self._peers.quantity(lane) or PEOPLE[0]).startswith(PEOPLE)
        return AnomalyKind.UNUSUAL if people else AnomalyKind.BIAS

    def _own(self, frame: Frame, looks: Looks, column: int) -> AnomalyKind | None:
        """Another unit, or noise: also where the bank has given another name by now."""
        expected, high = float(looks.usual.expected[column]), float(looks.usual.high[column])
        if self._peers.quantity(int(frame.lanes[column])) in FAHRENHEIT and not np.isnan(expected):
            off = abs(float(looks.values[column]) - (1.8 * expected + 32))
            if off <= 1.8 * (high - expected):
                return AnomalyKind.UNIT
        return AnomalyKind.NOISE if frame.new["swings"][column] >= SWINGS else None

    def _misses(self, lane: int, at_ms: int, lean: float) -> bool:
        """Whether its rhythm does not come: that is the city, unless the other sensors of the site have it."""
        if lean < 1 or self._rhythm.missing(lane) is None:
            return False
        agree, against = self._peers.ask(lane, at_ms)
        return agree >= against


def _is_back(looks: Looks, column: int) -> bool:
    """Whether it lies where it usually does at this hour; where nothing is known of the hour, it does not."""
    expected, high = float(looks.usual.expected[column]), float(looks.usual.high[column])
    return abs(float(looks.values[column]) - expected) <= high - expected


def _banks(frame: Frame, column: int) -> AnomalyKind | None:
    if "kind" not in frame.new or frame.new["open"][column] < 1:
        return None
    return NAMED[int(frame.new["kind"][column]) - 1]
