"""The account of a run: emitted, accepted and stored compared reading by reading. Pure.

lost = accepted and not stored; doubled = stored more than once; missed = emitted and never accepted, which is explained
only inside a stated window (agent down, nobody listening, a corrupted frame). Readings of one series are matched in time
order: same value, and times at most max(half a period, 1 s) apart.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from halong.pairing import Key, Sequences, Series, Window, match, same
from telemetry.times import HOUR_MS

CLOSE_MS = 100  # a device's last byte and the agent's clock, when nothing is wrong


class Timeless(NamedTuple):
    """A reading that an agent keeps without a date: taken between the two times, and why it has none."""

    sensor: str
    quantity: str
    value: float
    earliest_ms: int
    latest_ms: int
    cause: str


class _Timeless:
    """Those of a run; each explains one reading."""

    def __init__(self, found: Iterable[Timeless]) -> None:
        self._by_series: dict[Key, list[Timeless]] = {}
        for one in found:
            self._by_series.setdefault((one.sensor, one.quantity), []).append(one)

    def cause(self, key: Key, at: int, value: float) -> str | None:
        """Why this one is not among the accepted; None when none of these is it."""
        waiting = self._by_series.get(key, [])
        for index, one in enumerate(waiting):
            if one.earliest_ms - CLOSE_MS <= at <= one.latest_ms + CLOSE_MS and same(one.value, value):
                return waiting.pop(index).cause
        return None


class Gone(NamedTuple):
    """What a journal accepted and no longer holds: how many readings of a sensor in an hour (its start in ms), and why.

    None and None: nobody knows of which sensor, and when.
    """

    sensor: str | None
    hour_ms: int | None
    readings: int
    cause: str


class _Gone:
    """Those of a run; each explains so many readings of its hour and no more."""

    def __init__(self, found: Iterable[Gone]) -> None:
        self._left: dict[tuple[str | None, int | None], dict[str, int]] = {}
        for one in found:
            causes = self._left.setdefault((one.sensor, one.hour_ms), {})
            causes[one.cause] = causes.get(one.cause, 0) + one.readings

    def cause(self, sensor: str, at: int) -> str | None:
        """Why this one is neither in a journal nor stored; None when all that is gone of its hour has been named."""
        for key in ((sensor, at - at % HOUR_MS), (None, None)):
            causes = self._left.get(key, {})
            for cause, left in causes.items():
                if left:
                    causes[cause] -= 1
                    return cause
        return None


class Account(NamedTuple):
    """The three sets compared."""

    emitted: int
    accepted: int
    stored: int
    missed: int
    unexplained: int
    foreign: int
    lost: int
    duplicates: int
    altered: int  # stored under the right identity with another value
    causes: Mapping[str, int]  # missed readings by the cause of their window
    latencies_ms: NDArray[np.float64]  # device's last byte to store commit
    examples: tuple[str, ...]

    @property
    def balanced(self) -> bool:
        """Nothing lost, nothing twice, nothing unexplained."""
        return not (self.lost or self.duplicates or self.altered or self.unexplained)


def compare(
    emitted: Sequences,
    accepted: Sequences,
    stored: Sequences,
    *,
    periods_s: Mapping[str, float],
    windows: Sequence[Window] = (),
    timeless: Iterable[Timeless] = (),
    gone: Iterable[Gone] = (),
    held: Sequence[Window] = (),
    quarantined: frozenset[tuple[str, str, int]] = frozenset(),
    committed_ms: Mapping[tuple[str, str, int], int] | None = None,
) -> Account:
    """The account of one run. `committed_ms` tells when an accepted reading (its identity) was committed; `timeless` is what
    the agents keep besides `accepted`, `gone` what they had to give up. A stored reading was accepted, also when its
    journal no longer holds it.

    `held` are times whose readings were dated late, at the end of their window at the latest.
    With no `accepted` reading at all, `emitted` is compared with `stored` directly.
    """
    direct = len(accepted) == 0
    undated, given_up = _Timeless(timeless), _Gone(gone)
    causes: dict[str, int] = {}
    examples: list[str] = []
    latencies: list[int] = []
    missed = unexplained = foreign = lost = duplicates = altered = 0
    for key in sorted({*emitted.series, *accepted.series, *stored.series}):
        sensor, quantity = key
        sent, seen, kept = emitted.get(key), accepted.get(key), stored.get(key)
        tolerance = max(1000, round(periods_s.get(sensor, 0) * 500))
        late = [window for window in held if window.sensor in (None, sensor)]
        excuses = [window for window in windows if window.sensor in (None, sensor)]
        known = kept if direct else _with(seen, kept)
        found = match(sent, known, tolerance, held=late, windows=excuses)
        foreign += len(found.foreign) if len(emitted) else 0
        for i in found.missed:
            missed += 1
            at = int(sent[0][i])
            cause = undated.cause(key, at, float(sent[1][i]))
            cause = cause or next((w.cause for w in excuses if w.start_ms <= at <= w.end_ms), None)
            cause = cause or given_up.cause(sensor, at)
            if cause is None:
                unexplained += 1
                examples.append(f"unexplained: {sensor} {quantity} {sent[1][i]} at {at}")
            else:
                causes[cause] = causes.get(cause, 0) + 1
        duplicates += len(kept[0]) - len(np.unique(kept[0]))
        if not direct:
            absent, changed = _against_store(key, seen, kept, quarantined)
            lost += len(absent)
            altered += len(changed)
            examples += [f"lost: {sensor} {quantity} at {at}" for at in absent[:3]]
            examples += [f"altered: {sensor} {quantity} at {at}" for at in changed[:3]]
        if committed_ms is not None:
            for i, j in found.pairs:
                done = committed_ms.get((sensor, quantity, int(known[0][j])))
                if done is not None:
                    latencies.append(done - int(sent[0][i]))
    return Account(
        emitted=len(emitted),
        accepted=len(accepted),
        stored=len(stored),
        missed=missed,
        unexplained=unexplained,
        foreign=foreign,
        lost=lost,
        duplicates=duplicates,
        altered=altered,
        causes=causes,
        latencies_ms=np.array(latencies, dtype=np.float64),
        examples=tuple(examples[:20]),
    )


def _with(seen: Series, kept: Series) -> Series:
    """What was seen, and what else is stored; by time."""
    more = ~np.isin(kept[0], seen[0])
    times = np.concatenate((seen[0], kept[0][more]))
    values = np.concatenate((seen[1], kept[1][more]))
    order = np.argsort(times, kind="stable")
    return times[order], values[order]


def _against_store(
    key: Key,
    seen: Series,
    kept: Series,
    quarantined: frozenset[tuple[str, str, int]],
) -> tuple[list[int], list[int]]:
    """Times of accepted readings that are not in the store, and of those stored with another value."""
    stored = dict(zip(kept[0].tolist(), kept[1].tolist(), strict=True))
    gone, changed = [], []
    for at, value in zip(seen[0].tolist(), seen[1].tolist(), strict=True):
        if at not in stored:
            if (*key, at) not in quarantined:
                gone.append(at)
        elif not same(value, stored[at]):
            changed.append(at)
    return gone, changed
