"""Many series through all detectors at once. Pure: readings in time order per series in, findings out, no clock.

A call takes at most one reading of each series; `rounds` splits a batch so. What one series is told does not depend on
which others come in the same call, nor on how a batch was cut.
"""

from collections.abc import Iterator

import numpy as np

from ingest.detectors import evidence, levels, rarity, residuals
from ingest.detectors.health import Gap, Stuck
from ingest.detectors.lanes import F64, I64, Block, Lanes, Where
from ingest.detectors.residuals import Clock, Frame
from ingest.detectors.unusual import Unusual

BATCH_DETECTORS = (Stuck, Gap, Unusual)
LARGEST_BLOCK = 16_384  # lanes in one go: with fewer the calls of numpy weigh more, and more gain nothing


class Bank:
    """The series' shared past and the detectors on it."""

    def __init__(self, holidays: frozenset[int] = frozenset(), *, accept: int = evidence.ACCEPT) -> None:
        """`accept`: readings after which what is strange is the new normal."""
        self._accept = accept
        self.detectors = tuple(make() for make in BATCH_DETECTORS)
        rows = [*residuals.ROWS, *evidence.ROWS, *levels.ROWS]
        tables: dict[str, Block] = {
            **residuals.TABLES,
            **evidence.TABLES,
            "origin": ((2,), np.float64),
        }
        for detector in self.detectors:
            rows += detector.rows
            tables |= detector.tables
        self.lanes = Lanes(rows, tables)
        self._holidays = holidays

    def score(self, lanes: I64, local_ms: I64, values: F64, wall_ms: I64 | None = None) -> Frame:
        """What is said of one reading each of these lanes (rising, none twice), before it is learned. Changes nothing.

        `local_ms` is the civil time of the place, in ms since 1970, and newer than what the lane has learned; values are finite.
        Where summer time sets the clock on the wall, `wall_ms` is what that shows.
        """
        where: Where = lanes
        if len(lanes) and lanes[-1] - lanes[0] + 1 == len(lanes):
            where = slice(int(lanes[0]), int(lanes[-1]) + 1)
        old = self.lanes.read(where)
        values = np.clip(values, -residuals.LARGEST_VALUE, residuals.LARGEST_VALUE)
        n, origin = old["n"], self.lanes.tables["origin"][where]
        start = np.where(n == 0, values, origin[:, 0])
        v = np.clip(values - start, -residuals.LARGEST, residuals.LARGEST).astype(np.float32)
        dt = np.where(n == 0, 0, (local_ms - origin[:, 1]) / 1000).astype(np.float32)
        clock = Clock.of((local_ms if wall_ms is None else wall_ms) // 1000, self._holidays)
        frame = Frame(where, lanes, local_ms, values, v, old, clock, dt, n > rarity.WARM, self._accept)
        frame.found["start"] = start
        residuals.measure(frame, self.lanes)
        evidence.weigh(frame, self.lanes)
        levels.visit(frame, self.lanes)
        for detector in self.detectors:
            frame.kinds |= detector.score(frame, self.lanes)
        return frame

    def learn(self, frame: Frame) -> None:
        """Take the frame's readings into the past."""
        evidence.take_in(frame, self.lanes)
        for detector in self.detectors:
            detector.learn(frame, self.lanes)
        levels.keep(frame, self.lanes)
        residuals.write(frame, self.lanes)
        origin = self.lanes.tables["origin"]
        origin[frame.where, 0] = frame.found["start"]
        origin[frame.where, 1] = frame.at_ms


def rounds(lanes: I64) -> Iterator[I64]:
    """Indices into `lanes`, a round at a time: in each no lane comes twice and lanes rise; a lane's readings keep their order."""
    order = np.argsort(lanes, kind="stable")
    ordered = lanes[order]
    begins = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]]) if len(lanes) else np.zeros(0, np.int64)
    rank = np.arange(len(lanes)) - np.repeat(begins, np.diff(np.r_[begins, len(lanes)]))
    for number in range(int(rank.max(initial=-1)) + 1):
        yield order[rank == number]


def band(frame: Frame, lanes: Lanes) -> tuple[F64, F64, F64]:
    """Per lane what was expected, and between which values 99 of 100 readings were to lie. To be asked before `learn`."""
    start = np.asarray(frame.found["start"], np.float64)
    expected = start + frame.expected
    far = rarity.reach(lanes, frame.where, 0, 0.01).astype(np.float64) * frame.scale
    return expected, expected - far, expected + far
