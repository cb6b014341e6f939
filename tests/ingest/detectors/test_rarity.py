"""What need not be looked at is never rare, and what is looked at is told as a plain reading of the histogram tells it."""

import numpy as np
import pytest

from ingest.detectors import rarity
from ingest.detectors.rarity import BINS
from ingest.detectors.residuals import SIDES

MORE = rarity.FRESH


def histograms(rng: np.random.Generator, lanes: int, readings: int) -> rarity.Counts:
    """Each side with a centre and a width of its own, from one bin to all."""
    centre, width = rng.uniform(0, 20, (2, lanes, len(SIDES), 1))
    bins = np.clip(rng.normal(centre, width, (lanes, len(SIDES), readings)), 0, BINS - 1).astype(np.int64)
    counts = np.zeros((lanes * len(SIDES), BINS), np.uint16)
    np.add.at(counts, (np.repeat(np.arange(len(counts)), readings), bins.reshape(-1)), np.uint16(1))
    return counts.reshape(lanes, len(SIDES), BINS)


@pytest.mark.parametrize("readings", [200, 1000, 9000])
def test_nothing_below_the_cut_is_rare_until_it_is_found_anew(readings: int) -> None:
    rng = np.random.default_rng(readings)
    lanes = 20
    counts = histograms(rng, lanes, readings)
    nobody = np.zeros(lanes, np.float32)
    total = np.full(lanes, readings, np.float32)
    cut = rarity.cuts(counts, np.zeros_like(counts), total, nobody).T
    assert (cut > 0).mean() > 0.9
    counts[:, :, 0] += np.uint16(MORE)  # the worst that can come: all of it common
    side = np.tile(np.arange(len(SIDES)), lanes)
    rare_below, looked_at = 0, 0
    for place in np.linspace(0, BINS + 2, 400, dtype=np.float32):
        places = np.full(cut.size, place, np.float32)
        bins = np.full(cut.size, min(int(place), BINS - 1))
        seen = rarity.Seen.of(counts.reshape(-1, BINS), places, bins, side)
        rare, *_ = rarity.scored(seen, np.full(cut.size, readings + MORE, np.float32))
        rare_below += int((places < cut.reshape(-1))[rare].sum())
        looked_at += len(rare)
    assert (rare_below, looked_at > 10_000) == (0, True)


def test_a_share_of_others_is_as_if_they_had_been_seen() -> None:
    rng = np.random.default_rng(1)
    first, more = (histograms(rng, 30, readings).reshape(-1, BINS) for readings in (300, 40))
    side = np.tile(np.arange(len(SIDES)), 30)
    place = rng.uniform(0, BINS + 3, len(first)).astype(np.float32)
    bins = np.minimum(place, BINS - 1).astype(np.int64)
    total = np.full(len(first), 340, np.float32)
    seen = rarity.Seen.of(first, place, bins, side)
    rare, plain, tail = rarity.scored(seen, total, seen.others(more))
    together = rarity.Seen.of(first + more, place, bins, side)
    for ours, theirs in zip((rare, plain, tail), rarity.scored(together, total), strict=True):
        assert np.array_equal(ours, theirs)
    assert len(rare) > 50


def test_cells_are_those_of_the_table() -> None:
    counts = np.zeros((7, len(SIDES), BINS), np.uint16)
    lanes, bins = np.array([1, 4]), np.stack([np.arange(len(SIDES)), 31 - np.arange(len(SIDES))], 1)
    counts.reshape(-1)[rarity.cells(lanes, bins.astype(np.uint8)).reshape(-1)] = 1
    assert counts.sum() == 2 * len(SIDES)
    for side in range(len(SIDES)):
        assert counts[1, side, side] == counts[4, side, 31 - side] == 1
