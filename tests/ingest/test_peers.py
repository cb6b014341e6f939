"""What most of the city finds strange on its first morning is the morning; one sensor's own jump is still told."""

import numpy as np
from numpy.typing import NDArray

from ingest.lean import Lean
from ingest.peers import HEARD_MS, STRANGE_MS, Peers
from ingest.survey import Survey

T = 1_767_200_400_000  # 2026-01-01 00:00 in Hạ Long
STEP_MS = 300_000
SIX = 72  # steps


def cabinets(sites: int) -> NDArray[np.float64]:
    """The current of a cabinet at each site, a first day's seven hours: its lights go off at six."""
    rng = np.random.default_rng(1)
    lit = np.arange(7 * 12) < SIX
    return 3.0 + 11.0 * lit + rng.normal(0, 0.15, (sites, len(lit)))


def usual_at_the_end(values: NDArray[np.float64]) -> list[bool]:
    """Whether the last reading of each site's cabinet is taken as usual."""
    survey = Survey(frozenset())
    keys = [(f"power-{site}", "current") for site in range(len(values))]
    sites, of = [f"site-{site}" for site in range(len(values))], np.arange(len(values))
    for step in range(values.shape[1]):
        at = np.full(len(keys), T + step * STEP_MS)
        survey.look(keys, of, at, values[:, step], [300.0] * len(keys), sites)
    found: list[bool] = survey.as_usual(keys, of, at, values[:, -1]).tolist()
    return found


def test_lights_that_go_off_everywhere_on_the_first_morning_are_the_morning() -> None:
    assert usual_at_the_end(cabinets(5)) == [True] * 5


def test_one_of_them_that_goes_off_alone_is_not() -> None:
    values = cabinets(5)
    values[1:, SIX:] += 11
    assert usual_at_the_end(values) == [False] * 5


def test_two_or_three_sites_are_no_city() -> None:
    assert usual_at_the_end(cabinets(3)) == [False] * 3


def test_what_was_strange_long_ago_or_is_heard_no_more_is_not_asked() -> None:
    peers, lanes = Peers(Lean()), np.arange(5)
    peers.lanes.add(5)
    for lane in range(5):
        peers.place(lane, (f"site-{lane}", "current"))
    at = np.full(5, T)
    peers.look(lanes, at, np.ones(5, bool))
    assert peers.is_shared(0, T + HEARD_MS)
    assert not peers.is_shared(0, T + HEARD_MS + 1)
    peers.look(lanes, at + STRANGE_MS, np.zeros(5, bool))
    assert peers.is_shared(0, T + STRANGE_MS)
    peers.look(lanes, at + STRANGE_MS + 1, np.zeros(5, bool))
    assert not peers.is_shared(0, T + STRANGE_MS + 1)


def test_a_sensor_does_not_speak_for_itself_nor_its_site() -> None:
    peers = Peers(Lean())
    peers.lanes.add(6)
    for lane, site in enumerate(("a", "a", "a", "b", "c", "d")):
        peers.place(lane, (site, "current"))
    peers.look(np.arange(6), np.full(6, T), np.array([True, True, True, True, False, False]))
    assert not peers.is_shared(0, T)
    assert peers.is_shared(5, T)
