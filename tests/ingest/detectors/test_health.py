"""Standing still: what slow weather does of itself is not told."""

import numpy as np

from ingest.detectors.bank import Bank
from telemetry.anomaly import AnomalyKind

A_DAY, STEP_MS = 288, 300_000


def test_slow_weather_that_turns_has_seldom_stopped() -> None:
    """Air pressure in tenths stays within three neighbouring values for hours where it is highest and lowest. Of 40 barometers in
    12 days two are told of; four were, when three values needed no more evidence than two."""
    rows, lanes, rng = 12 * A_DAY, np.arange(40), np.random.default_rng(3)
    wave = 1012 + 4 * np.sin(np.arange(rows) / A_DAY * 2 * np.pi / 5.3)
    values = np.round(wave[:, None] + rng.uniform(-1, 1, 40) + rng.normal(0, 0.08, (rows, 40)), 1)
    bank = Bank(frozenset(), accept=150)
    bank.lanes.add(len(lanes))
    told = np.zeros(len(lanes), bool)
    for row, look in enumerate(values):
        frame = bank.score(lanes, np.full(len(lanes), row * STEP_MS + 1_767_200_400_000), look)
        told |= frame.kinds[AnomalyKind.STUCK] >= 1
        bank.learn(frame)
    assert told.sum() <= 2


def test_a_barometer_that_stands_still_but_for_its_last_digit_is_told() -> None:
    rows, rng = 5 * A_DAY, np.random.default_rng(3)
    values = np.round(1012 + 4 * np.sin(np.arange(rows) / 90) + rng.normal(0, 0.3, rows), 1)
    stopped = 4 * A_DAY
    values[stopped : stopped + 60] = values[stopped] + 0.1 * rng.integers(0, 2, 60)
    bank, lane = Bank(frozenset(), accept=150), np.array([0])
    bank.lanes.add(1)
    told = []
    for row in range(rows):
        at_ms = np.array([row * STEP_MS + 1_767_200_400_000])
        frame = bank.score(lane, at_ms, values[row : row + 1])
        if frame.kinds[AnomalyKind.STUCK][0] >= 1:
            told.append(row)
        bank.learn(frame)
    assert told
    assert told[0] in range(stopped, stopped + 60)
