"""What kind of unusual it is. Opens where the protecting head is sure, and names what is seen as it goes on.

A name is given at once and may be bettered in the first ten readings. Large steps that undo each other are a noise burst, a
power of ten in all that was read since is a unit that jumped. Else the shape of the last readings says it: one that stands
out is a spike, a step that stays a bias, a slope a drift. What lasted until the heads accept it is a change of regime. A
series of which much was told is asked for more: what comes again and again is its way.
"""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from ingest.detectors import phrases, rarity, shape
from ingest.detectors.evidence import OPEN
from ingest.detectors.finding import Finding
from ingest.detectors.lanes import F32, I64, Block, Bools, Lanes
from ingest.detectors.residuals import SIDES, TINY, Frame
from telemetry.anomaly import AnomalyKind

RISES, LATELY = 1.0, 2500.0  # decades more, times the square of how many but one opened in so many readings
CLOSE, CALM = 3.5, 8  # below this for so many readings and it is over
NAMED = (
    AnomalyKind.SPIKE,
    AnomalyKind.DRIFT,
    AnomalyKind.BIAS,
    AnomalyKind.NOISE,
    AnomalyKind.UNIT,
    AnomalyKind.REGIME,
    AnomalyKind.UNUSUAL,
)
SPIKE, DRIFT, BIAS, NOISE, UNIT, REGIME, UNUSUAL = range(1, 8)
SUDDEN = [SIDES.index(side) for side in ("innovation", "step", "step_16")]
CALENDAR = [SIDES.index(side) for side in ("week_low", "week_high", "day_high", "day_low")]
PLAIN = 2.0  # decades of a sudden side: not only of the hour
ASKED = (1, 3)  # readings after which it is asked for its shape
SHAPES = np.array([SPIKE, BIAS, DRIFT], np.float32)  # by `shape`
LARGEST = np.float32(1000)  # usual sizes: more of a residual is not kept
SWING = 2.5  # usual steps, there and back at once: of a series that jumps about, ...
SWINGS, SWINGS_FADE = 1.5, 0.95  # ... when two came within 13 readings
FACTORS = np.log10(np.array([10.0, 100.0, 1000.0, 0.1, 0.01, 0.001], np.float32))
FACTOR_WITHIN = 0.15  # decades
SETTLED = 10  # readings, in which what has opened may still get a better name
FOLLOWED = ("open", "quiet", "kind", "read", "due")


class Unusual:
    """The shared past is the two heads'; this remembers one open episode per series."""

    kinds = NAMED
    rows = (*FOLLOWED, "swings", "opened")
    tables: Mapping[str, Block] = MappingProxyType({"leans": ((shape.READINGS,), np.float16)})

    def score(self, frame: Frame, lanes: Lanes) -> dict[AnomalyKind, F32]:
        """See Detector: at least 1 where an episode opens, and where it gets another name."""
        old, new = frame.old, frame.new
        strange = frame.found["strange_safe"]
        bar = OPEN + np.float32(RISES) * np.maximum(old["opened"] - 1, 0) ** 2
        opens = (old["open"] == 0) & (strange >= bar) & frame.warm & (frame.found["known"] == 0)
        first = old["n"] == rarity.WARM  # as if told of once: little is known of a young one's tails
        new["opened"] = np.float32(1 - 1 / LATELY) * old["opened"] + (opens | first)
        new["swings"] = np.float32(SWINGS_FADE) * old["swings"] + _swings(frame)
        (at,) = np.nonzero(opens | (old["open"] > 0))
        out = {kind: np.zeros(len(frame), np.float32) for kind in NAMED}
        if not at.size:
            return out
        for row in FOLLOWED:
            new[row] = old[row].copy()
        self._follow(frame, lanes, at, opens[at])
        before, kind = old["kind"][at], new["kind"][at]
        told = opens[at] | ((kind != before) & (new["open"][at] > 0))
        for number, name in enumerate(NAMED, 1):
            here = at[told & (kind == number)]
            out[name][here] = np.maximum(strange[here] / OPEN, 1)
        return out

    def learn(self, frame: Frame, lanes: Lanes) -> None:
        """See Detector."""
        leans = lanes.tables["leans"].reshape(-1)
        leans[_cells(frame)] = np.clip(frame.lean, -LARGEST, LARGEST)

    def explain(self, kind: AnomalyKind, name: str, quantity: str, finding: Finding) -> tuple[str, str]:
        """See Detector."""
        return phrases.say(kind, name, quantity, finding)

    def _follow(self, frame: Frame, lanes: Lanes, at: I64, opens: Bools) -> None:
        old, new = frame.old, frame.new
        strange = frame.found["strange_safe"][at]
        usual = frame.v[at] - new["better_residual"][at]  # without what the last readings say
        age = np.where(opens, 1, old["open"][at] + 1)
        fresh = ~opens
        quiet = np.where(strange < CLOSE, old["quiet"][at] * fresh + 1, 0)
        start = frame.found["start"][at].astype(np.float32)
        read = old["read"][at] * fresh + frame.x[at].astype(np.float32)
        due = old["due"][at] * fresh + usual + start
        unit = self._unit(frame, at, age, read, due)
        new["open"][at], new["quiet"][at] = np.where(quiet >= CALM, 0, age), quiet
        # A single reading that was far out is not to outweigh the rest.
        new["read"][at], new["due"][at] = read * fresh, due * fresh
        new["kind"][at] = self._name(frame, lanes, at, age, unit)

    def _unit(self, frame: Frame, at: I64, age: F32, read: F32, due: F32) -> Bools:
        """Whether what was read since it opened is, all in all, a power of ten times what was due."""
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.log10(read / due)
        near: Bools = np.abs(ratio[:, None] - FACTORS).min(1) < FACTOR_WITHIN
        scatter = np.minimum(frame.old["day_scale"], frame.old["level_scale"])[at]
        near &= np.abs(due) > 3 * np.sqrt(age) * scatter
        return near

    def _name(self, frame: Frame, lanes: Lanes, at: I64, age: F32, unit: Bools) -> F32:
        had = np.where(age > 1, frame.old["kind"][at], 0)
        kind = had.copy()
        (ask,) = np.nonzero(((age == ASKED[0]) | (age == ASKED[1])) & (had != UNIT) & (had != NOISE))
        if ask.size:
            kind[ask] = self._shape(frame, lanes, at[ask], age[ask])
        kind = np.where(frame.new["swings"][at] >= SWINGS, NOISE, kind)
        kind = np.where(unit | (had == UNIT), UNIT, kind)
        kind = np.where(age <= SETTLED, kind, had)
        accepted = frame.old["held"][at] == frame.accept
        return np.where(accepted & (kind != UNIT), REGIME, kind).astype(np.float32)

    def _shape(self, frame: Frame, lanes: Lanes, at: I64, age: F32) -> F32:
        old = frame.old
        cells = frame.lanes[at] * shape.READINGS
        order = (old["n"][at].astype(np.int64)[:, None] + np.arange(1, shape.READINGS + 1)) % shape.READINGS
        past = lanes.tables["leans"].reshape(-1)[cells[:, None] + order].astype(np.float64)
        past[:, -1] = np.clip(frame.lean[at], -LARGEST, LARGEST)
        persistence = np.clip(old["better_cxy"][at] / (old["better_cxx"][at] + TINY), 0, 1)
        kind = SHAPES[shape.of(past, persistence.astype(np.float64), age.astype(np.int64))]
        sudden, calendar = (frame.found["sides"][group][:, at].max(0) for group in (SUDDEN, CALENDAR))
        kind = np.where((kind == BIAS) & (age == 1) & (sudden >= PLAIN), SPIKE, kind)  # it may stay or not
        return np.where((kind == SPIKE) & (sudden < PLAIN) & (calendar >= PLAIN), UNUSUAL, kind)


def _cells(frame: Frame) -> I64:
    """Where this reading is kept."""
    cells: I64 = frame.lanes * shape.READINGS + frame.old["n"].astype(np.int64) % shape.READINGS
    return cells


def _swings(frame: Frame) -> Bools:
    """Out and back at once, both ways further than the usual step."""
    step, last = frame.new["last_step"], frame.old["last_step"]
    far = np.float32(SWING) * frame.busy * (frame.old["step_scale"] + frame.floor)
    swings: Bools = (step * last < 0) & (np.minimum(np.abs(step), np.abs(last)) > far) & frame.warm
    return swings
