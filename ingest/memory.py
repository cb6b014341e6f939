"""What judge and survey remember of every series, and silence of every sensor, written down and taken back. Pure.

Taken back after a kill it is some minutes old: what the store holds of later readings is lived through again (`relive`), in
silence, so that only a series of which a reading came late since then remembers otherwise.
"""

import struct
from collections.abc import Iterable, Sequence

import numpy as np

from ingest.judge import Judge
from ingest.rows import Rows
from ingest.silence import Silence
from ingest.survey import Survey
from ingest.telling import Known
from telemetry.reading import NOT_MEASURING, Flag, Reading

State = tuple[str, str, bytes]  # sensor, quantity ("" = whatever it measures), what is remembered
_HEAD = struct.Struct("<I")  # bytes of the judge's part; the survey's follows
DOUBTED = NOT_MEASURING | int(Flag.DEVICE)
TOGETHER_MS = 1000  # observed in the same second: looked at together


def dump(judge: Judge, survey: Survey, silence: Silence, now_ms: int) -> list[State]:
    """Of every series and sensor that has said anything since the last `dumped`."""
    # A series that changed in one is written of both: its state is replaced as a whole.
    changed = sorted(judge.changed() | survey.changed())
    judges = judge.dump(changed)
    surveys = {(sensor, quantity): state for sensor, quantity, state in survey.dump(changed)}
    of_series = [
        (*series, _HEAD.pack(len(one := judges.get(series, b""))) + one + surveys.get(series, b""))
        for series in changed
    ]
    return of_series + [(sensor, "", state) for sensor, state in silence.dump(now_ms).items()]


def dumped(judge: Judge, survey: Survey, silence: Silence) -> None:
    """The last dump is safe."""
    judge.dumped()
    survey.dumped()
    silence.dumped()


def load(states: Iterable[State], judge: Judge, survey: Survey, silence: Silence) -> int:
    """Go on with what `dump` gave; how many were of another make and are left out."""
    strange = 0
    for sensor, quantity, state in states:
        if not quantity:
            strange += not silence.load(sensor, state)
            continue
        judges, surveys = parts(state)
        if judges:
            strange += judge.load({(sensor, quantity): judges})
        if surveys:
            strange += survey.load([(sensor, quantity, surveys)])
    return strange


def parts(state: bytes) -> tuple[bytes, bytes]:
    """The judge's and the survey's; empty where there is none."""
    if len(state) < _HEAD.size:
        return b"", b""
    (size,) = _HEAD.unpack_from(state)
    return state[_HEAD.size : _HEAD.size + size], state[_HEAD.size + size :]


def relive(
    readings: Sequence[tuple[Known, Reading]], judge: Judge, survey: Survey, silence: Silence, now_ms: int
) -> None:
    """Stored readings, each with its sensor, that are newer than what is remembered: judged as if they came now, and nothing is
    told: it was told when they came."""
    for sensor, (known, observed_ms) in _by_sensor(readings).items():
        silence.relive(sensor, known, np.array(observed_ms, np.int64), now_ms)
    ordered = sorted(readings, key=lambda one: one[1].observed_at)
    begin = 0
    while begin < len(ordered):
        second = ordered[begin][1].observed_at // TOGETHER_MS
        end = begin
        while end < len(ordered) and ordered[end][1].observed_at // TOGETHER_MS == second:
            end += 1
        _relive(ordered[begin:end], judge, survey, now_ms)
        begin = end


def _by_sensor(readings: Iterable[tuple[Known, Reading]]) -> dict[str, tuple[Known, list[int]]]:
    found: dict[str, tuple[Known, list[int]]] = {}
    for known, reading in readings:
        found.setdefault(reading.sensor, (known, []))[1].append(reading.observed_at)
    return found


def _relive(some: Sequence[tuple[Known, Reading]], judge: Judge, survey: Survey, now_ms: int) -> None:
    readings = [reading for _, reading in some]
    keep = int(Flag.NUDGED | Flag.DEVICE | NOT_MEASURING)  # what it came with; the rest is found again
    rows = Rows.of_readings(readings, 0)._replace(
        given=np.array([reading.flags & keep for reading in readings], np.int64),
        arrived_ms=np.array([reading.observed_at for reading in readings], np.int64),
    )
    abouts = {reading.series: known for known, reading in some}
    adjusted = rows.given & Flag.CALIBRATING.value != 0
    survey.calibrated(rows.series, rows.of[adjusted], rows.observed_ms[adjusted])
    (fair,) = np.nonzero((rows.outside() <= 0) & (rows.given & DOUBTED == 0))
    told = survey.look(
        rows.series,
        rows.of[fair],
        rows.observed_ms[fair],
        rows.value[fair],
        [abouts[series].period_s for series in rows.series],
        [abouts[series].site for series in rows.series],
    )
    judge.judge(
        rows,
        lambda row: some[row][0],
        now_ms=now_ms,
        surveyed={int(fair[place]): found for place, found in told.items()},
        as_usual=lambda which: survey.as_usual(
            rows.series, rows.of[which], rows.observed_ms[which], rows.value[which]
        ),
    )
