"""What shape the last readings have: one that stands out, a step that stays, or a slope. Pure.

Each shape is fitted to the residuals by least squares, with any beginning, after what their usual persistence explains is
taken out of both; the one that explains most is theirs (a generalised likelihood ratio: Willsky and Jones 1976,
doi:10.1109/TAC.1976.1101146). A slope may have come to rest after some readings.
"""

import numpy as np

from ingest.detectors.lanes import F64, I64

READINGS = 128  # that are looked at
SPIKE, STEP, SLOPE = range(3)
SLOPES = (32, 64, 128)  # readings a slope takes
SEEN = 8  # readings of a slope before it is one
SHORT = 3  # readings: fewer that lie apart are no step
PERSISTENT = 0.8  # more of the residual before is not taken for granted: else nothing lasts


def of(past: F64, persistence: F64, age: I64) -> I64:
    """The shape of each row of `past`, READINGS residuals, oldest first. `persistence`: which share of a residual is usually
    left in the next. `age`: so many readings ago, counting this one, something was first strange."""
    # What happened long ago is not to count for more than what happens now.
    late = np.arange(READINGS) >= READINGS - SHORT - age[:, None]
    limit = np.where(late, np.abs(past), 0).max(1)[:, None]
    past = np.clip(past, -limit, limit)
    phi = np.minimum(persistence, PERSISTENT)[:, None]
    y = past.copy()
    y[:, 1:] -= phi * past[:, :-1]
    y[:, :-1] -= phi * y[:, 1:]  # now its sums are products with every beginning at once
    best = np.zeros((3, len(past)))
    spikes = y * y / np.where(np.arange(READINGS) < READINGS - 1, 1 + phi * phi, 1)
    best[SPIKE] = np.where(late, spikes, 0).max(1)
    for over in range(SHORT + 1):  # it lasts, or has ended when something was first strange, or just before
        ended = over and age + over - 1
        at = np.arange(READINGS) - np.reshape(ended, (-1, 1))
        kept = np.where(at >= 0, np.take_along_axis(y, np.maximum(at, 0) + np.zeros_like(y, int), 1), 0)
        sums = np.cumsum(kept[:, ::-1], 1)[:, ::-1]
        steps = _explained(sums, 1, phi, over > 0)
        best[SPIKE] = np.maximum(best[SPIKE], steps[:, READINGS - SHORT + 1 :].max(1) * (over == 0))
        best[STEP] = np.maximum(best[STEP], steps[:, : READINGS - SHORT + 1].max(1))
        for length in SLOPES:
            slopes = _explained(sums, length, phi, over > 0)[:, :-SEEN]
            best[SLOPE] = np.maximum(best[SLOPE], slopes.max(1))
    shapes: I64 = best.argmax(0)
    return shapes


def _explained(sums: F64, length: int, phi: F64, ended: bool) -> F64:
    """By a rise over `length` readings from each beginning on, which lasts, or has `ended` at once."""
    reached, both, before, last = _NORMS[length]
    running = np.cumsum(np.pad(sums, ((0, 0), (1, length))), 1)
    product = (running[:, length : length + READINGS] - running[:, :READINGS]) / length
    norm = reached - 2 * phi * both + phi * phi * (before + ended * last)
    explained: F64 = product * product / norm
    return explained


def _norms(length: int) -> tuple[F64, F64, F64, F64]:
    at = np.arange(READINGS)
    rise = np.clip((at - at[:, None] + 1) / length, 0, 1)
    before = np.c_[np.zeros(READINGS), rise[:, :-1]]
    return (rise * rise).sum(1), (rise * before).sum(1), (before * before).sum(1), rise[:, -1] ** 2


_NORMS = {length: _norms(length) for length in (1, *SLOPES)}
