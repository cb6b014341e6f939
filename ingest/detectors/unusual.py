"""What kind of unusual it is. Opens where the protecting head is sure, and names what is seen as it goes on.

The first reading far out is a spike, or a drift where only means have moved. Three on the same side and it is a bias, sides
in turn and it is a noise burst, a constant factor and it is a unit that jumped. What lasted until the heads accept it is a
change of regime. A series of which much was told is asked for more: what comes again and again is its way.
"""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from ingest.detectors import phrases
from ingest.detectors.evidence import OPEN
from ingest.detectors.finding import Finding
from ingest.detectors.lanes import F32, I64, Block, Bools, Lanes
from ingest.detectors.residuals import SIDES, Frame
from telemetry.anomaly import AnomalyKind

RISES, LATELY = 1.0, 3000.0  # decades more for each but one that opened in so many readings
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
SLOW = [SIDES.index(side) for side in ("day_sum", "level_shift", "residual_shift")]
CALENDAR = [SIDES.index(side) for side in ("week_low", "week_high", "day_high", "day_low")]
FAR = 3.0  # times the usual innovation
JUMP, JUMP_FADES = 5.0, 0.97  # an innovation so large not long ago: it was no drift
SWING = 2.5  # usual steps, there and back at once: of a series that jumps about, ...
SWINGS, SWINGS_FADE = 1.5, 0.95  # ... when two came within 13 readings
FACTORS = np.log10(np.array([10.0, 100.0, 1000.0, 0.1, 0.01, 0.001], np.float32))
FACTOR_WITHIN = 0.15  # decades
SETTLED = 10  # readings, in which what has opened may still get a better name
FOLLOWED = ("open", "quiet", "kind", "far", "read", "due")


class Unusual:
    """The shared past is the two heads'; this remembers one open episode per series."""

    kinds = NAMED
    rows = (*FOLLOWED, "jump", "swings", "opened")
    tables: Mapping[str, Block] = MappingProxyType({})

    def score(self, frame: Frame, lanes: Lanes) -> dict[AnomalyKind, F32]:
        """See Detector: at least 1 where an episode opens, and where it gets another name."""
        old, new = frame.old, frame.new
        strange = frame.found["strange_safe"]
        bar = OPEN + np.float32(RISES) * np.maximum(old["opened"] - 1, 0)
        opens = (old["open"] == 0) & (strange >= bar) & frame.warm & (frame.found["known"] == 0)
        new["opened"] = np.float32(1 - 1 / LATELY) * old["opened"] + opens
        size = np.abs(frame.v - frame.expected) / frame.scale
        new["jump"] = np.maximum(old["jump"] * np.float32(JUMP_FADES), size * frame.warm)
        new["swings"] = np.float32(SWINGS_FADE) * old["swings"] + _swings(frame)
        (at,) = np.nonzero(opens | (old["open"] > 0))
        out = {kind: np.zeros(len(frame), np.float32) for kind in NAMED}
        if not at.size:
            return out
        for row in FOLLOWED:
            new[row] = old[row].copy()
        self._follow(frame, at, opens[at])
        before, kind = old["kind"][at], new["kind"][at]
        told = opens[at] | ((kind != before) & (new["open"][at] > 0))
        for number, name in enumerate(NAMED, 1):
            here = at[told & (kind == number)]
            out[name][here] = np.maximum(strange[here] / OPEN, 1)
        return out

    def learn(self, frame: Frame, lanes: Lanes) -> None:
        """See Detector."""

    def explain(self, kind: AnomalyKind, name: str, quantity: str, finding: Finding) -> tuple[str, str]:
        """See Detector."""
        return phrases.say(kind, name, quantity, finding)

    def _follow(self, frame: Frame, at: I64, opens: Bools) -> None:
        old, new = frame.old, frame.new
        strange = frame.found["strange_safe"][at]
        usual = (frame.v - frame.new["better_residual"])[
            at
        ]  # the profile, without what the last readings say
        deviation = (frame.v[at] - usual) / frame.scale[at]
        far = np.abs(deviation) > FAR
        age = np.where(opens, 1, old["open"][at] + 1)
        fresh = ~opens
        quiet = np.where(strange < CLOSE, old["quiet"][at] * fresh + 1, 0)
        count = old["far"][at] * fresh + far
        start = frame.found["start"][at].astype(np.float32)
        read = old["read"][at] * fresh + frame.x[at].astype(np.float32)
        due = old["due"][at] * fresh + usual + start
        unit = self._unit(frame, at, age, read, due)
        read, due = read * fresh, due * fresh  # a single reading that was far out is not to outweigh the rest
        new["open"][at] = np.where(quiet >= CALM, 0, age)
        new["quiet"][at], new["far"][at], new["read"][at], new["due"][at] = quiet, count, read, due
        new["kind"][at] = self._name(frame, at, opens, age, count, unit)

    def _unit(self, frame: Frame, at: I64, age: F32, read: F32, due: F32) -> Bools:
        """Whether what was read since it opened is, all in all, a power of ten times what was due."""
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.log10(read / due)
        near: Bools = np.abs(ratio[:, None] - FACTORS).min(1) < FACTOR_WITHIN
        scatter = np.minimum(frame.old["day_scale"], frame.old["level_scale"])[at]
        near &= np.abs(due) > 3 * np.sqrt(age) * scatter
        return near

    def _name(self, frame: Frame, at: I64, opens: Bools, age: F32, count: F32, unit: Bools) -> F32:
        sides = frame.found["sides"][:, at]
        sudden, slow, calendar = (sides[group].max(0) for group in (SUDDEN, SLOW, CALENDAR))
        jumped = frame.new["jump"][at] >= JUMP
        slowly = np.where(jumped, BIAS, DRIFT)
        first = np.where(
            sudden >= 2, SPIKE, np.where(slow >= 1.5, slowly, np.where(calendar >= 1.5, UNUSUAL, SPIKE))
        )
        first = np.where(frame.new["swings"][at] >= SWINGS, NOISE, first)
        first = np.where(unit, UNIT, first)
        had = frame.old["kind"][at]
        kind = np.where(opens, first, had)
        lasting = ~opens & (count >= 3)
        swinging = ~opens & (frame.new["swings"][at] >= SWINGS)
        kind = np.where(lasting & (kind == SPIKE), BIAS, kind)
        kind = np.where(lasting & (kind == UNUSUAL), slowly, kind)
        kind = np.where(swinging & (kind != UNIT), NOISE, kind)
        kind = np.where(~opens & unit, UNIT, kind)
        kind = np.where(age <= SETTLED, kind, had)
        accepted = frame.old["held"][at] == frame.accept
        return np.where(accepted & (kind != UNIT), REGIME, kind).astype(np.float32)


def _swings(frame: Frame) -> Bools:
    """Out and back at once, both ways further than the usual step."""
    step, last = frame.new["last_step"], frame.old["last_step"]
    far = np.float32(SWING) * frame.busy * (frame.old["step_scale"] + frame.floor)
    swings: Bools = (step * last < 0) & (np.minimum(np.abs(step), np.abs(last)) > far) & frame.warm
    return swings
