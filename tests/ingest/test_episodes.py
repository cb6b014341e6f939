"""Hysteresis of an episode."""

from ingest.detectors import Finding, Rule
from ingest.episodes import Episode, Step

RULE = Rule(strong=2.0, hits=2, of=3, release=0.7, calm=3)


def steps(*scores: float) -> tuple[list[Step], Episode]:
    episode = Episode(RULE)
    return [episode.step(at, Finding(score, score, at)) for at, score in enumerate(scores)], episode


def test_one_strong_score_opens():
    said, episode = steps(0.1, 2.0)
    assert (said, episode.is_open, episode.start_ms) == ([Step.NOTHING, Step.OPENED], True, 1)


def test_two_of_three_open_from_the_first_of_them():
    said, episode = steps(0, 1.2, 0.5, 1.1)
    assert (said[-1], episode.start_ms) == (Step.OPENED, 1)
    assert episode.worst is not None
    assert episode.worst.score == 1.2


def test_single_doubts_open_nothing():
    said, _ = steps(1.1, 0, 0, 1.1, 0, 0, 1.1)
    assert set(said) == {Step.NOTHING}


def test_it_closes_only_after_enough_calm_and_ends_where_the_calm_began():
    said, episode = steps(3, 0, 0, 0.8, 0, 0, 0)
    assert said == [Step.OPENED, *[Step.NOTHING] * 5, Step.CLOSED]
    assert episode.calm_ms == 4


def test_it_is_told_again_only_when_much_worse():
    said, episode = steps(2, 2.5, 3.1, 3.5, 4.6, 5)
    assert said == [Step.OPENED, Step.NOTHING, Step.WORSE, Step.NOTHING, Step.NOTHING, Step.WORSE]
    assert episode.worst is not None
    assert episode.worst.score == 5
