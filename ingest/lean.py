"""How far series lean away from what is usual at their hour, and for how long: for what lasts and is no reading far out. Pure.

A look is measured in half widths of the band (`ingest.profile`); `lean` is its mean over a quarter of an hour, by the time
between looks. `rising` is how long it has been out of the middle, `entry` how far out the first looks there were, `shift` the
mean distance over half a day, in the unit.
"""

import numpy as np

from ingest.detectors.lanes import F32, F64, I64, Lanes
from ingest.profile import Band

MINUTES_S, HALF_DAY_S = 900.0, 43_200.0
MIDDLE = 0.4  # half widths: nearer than this nothing is on its way
CREPT = 0.95  # half widths: a jump's first looks are further out
LARGEST = 6.0  # half widths: more of one look is not taken
ENTRY = 3.0  # looks: so many tell whether it jumped or crept out of the middle
ROWS = ("lean", "rising", "shift", "known", "entry", "entered")


class Lean:
    """Lanes are numbered as the survey's."""

    def __init__(self) -> None:
        self.lanes = Lanes(ROWS, {})

    def look(self, lanes: I64, dt_s: F32, values: F64, usual: Band) -> None:
        """Take a look each of these lanes; 0 while nothing is known of its hour. `dt_s` is the time since its last look."""
        old = {name: row.copy() for name, row in self.lanes.read(lanes).items()}
        known = ~np.isnan(usual.expected)
        residual = np.where(known, values - usual.expected, 0).astype(np.float32)
        half = np.where(known, usual.high - usual.expected, 1)
        z = np.clip(residual / np.maximum(half, 1e-9), -LARGEST, LARGEST).astype(np.float32)
        first = old["known"] == 0
        rate = np.where(first, np.float32(0.3), 1 - np.exp(-dt_s / np.float32(MINUTES_S)))
        lean = np.where(known, old["lean"] + rate * (z - old["lean"]), 0).astype(np.float32)
        out = np.abs(lean) >= MIDDLE
        entered = np.where(out, old["entered"] + 1, 0)
        entry = old["entry"] * (entered > 1)
        slowly = np.where(first, 1, 1 - np.exp(-dt_s / np.float32(HALF_DAY_S)))
        self.lanes.write(
            lanes,
            {
                "lean": lean,
                "rising": np.where(out, old["rising"] + dt_s, 0).astype(np.float32),
                "entered": entered.astype(np.float32),
                "entry": np.where(entered <= ENTRY, entry + (z - entry) / np.maximum(entered, 1), entry),
                "shift": np.where(known, old["shift"] + slowly * (residual - old["shift"]), 0),
                "known": known.astype(np.float32),
            },
        )

    def of(self, lane: int) -> tuple[float, float, float, bool]:
        """(lean, rising in s, shift, whether its hour is known) of one lane."""
        row = self.lanes.read(slice(lane, lane + 1))
        return float(row["lean"][0]), float(row["rising"][0]), float(row["shift"][0]), bool(row["known"][0])

    def crept(self, lane: int) -> bool:
        """Whether it left the middle bit by bit."""
        return abs(float(self.lanes.read(slice(lane, lane + 1))["entry"][0])) < CREPT

    def settle(self, lane: int) -> None:
        """What it leans to is usual from now on."""
        self.lanes.clear(lane)
