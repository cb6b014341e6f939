"""An episode: one anomaly from opening to closing, with hysteresis. Pure."""

from collections import deque
from enum import Enum
from typing import NamedTuple

from ingest.detectors.finding import Finding, Rule

WORSE = 1.5  # an open episode is told again when its score has grown by this


class Step(Enum):
    """What a reading did to the episode."""

    NOTHING = "nothing"
    OPENED = "opened"
    WORSE = "worse"
    CLOSED = "closed"


class EpisodeState(NamedTuple):
    """What an episode remembers, to be kept."""

    is_open: bool
    start_ms: int
    last_ms: int
    calm_ms: int
    calm: int
    told: float
    worst: Finding | None
    recent: list[Finding]


class Episode:
    """State of one kind on one series. `worst` is the finding an open episode is told by."""

    def __init__(self, rule: Rule) -> None:
        self._rule = rule
        self._recent: deque[Finding] = deque(maxlen=rule.of)
        self._calm = 0
        self._told = 0.0
        self.is_open = False
        self.start_ms = 0
        self.last_ms = 0
        self.calm_ms = 0  # when the calm began
        self.worst: Finding | None = None

    def resume(self, start_ms: int, finding: Finding) -> None:
        """Go on with an episode another process life has opened."""
        self.is_open, self.start_ms, self.worst = True, start_ms, finding
        self._told, self._calm = finding.score, 0
        self.last_ms = self.calm_ms = start_ms

    def state(self) -> EpisodeState:
        """To be kept."""
        return EpisodeState(
            self.is_open,
            self.start_ms,
            self.last_ms,
            self.calm_ms,
            self._calm,
            self._told,
            self.worst,
            list(self._recent),
        )

    @classmethod
    def of(cls, rule: Rule, state: EpisodeState) -> "Episode":
        """The episode whose `state` was kept."""
        episode = cls(rule)
        episode.is_open, episode.start_ms, episode.last_ms, episode.calm_ms = state[:4]
        episode._calm, episode._told, episode.worst = state.calm, state.told, state.worst
        episode._recent.extend(state.recent)
        return episode

    @property
    def is_idle(self) -> bool:
        """Whether it is as good as new: closed, and no hit among the last."""
        return not self.is_open and all(found.score < 1 for found in self._recent)

    def step(self, at_ms: int, finding: Finding) -> Step:
        """Take one finding, in time order."""
        self.last_ms = at_ms
        return self._while_open(at_ms, finding) if self.is_open else self._while_closed(finding)

    def close(self) -> None:
        """End it."""
        self.is_open = False
        self._recent.clear()

    def _while_closed(self, finding: Finding) -> Step:
        self._recent.append(finding)
        hits = [found for found in self._recent if found.score >= 1]
        if finding.score < 1 or (finding.score < self._rule.strong and len(hits) < self._rule.hits):
            return Step.NOTHING
        self.is_open, self._calm = True, 0
        self.start_ms = hits[0].since_ms
        self.worst = max(hits, key=lambda found: found.score)
        self._told = self.worst.score
        return Step.OPENED

    def _while_open(self, at_ms: int, finding: Finding) -> Step:
        if finding.score < self._rule.release:
            if not self._calm:
                self.calm_ms = at_ms
            self._calm += 1
            if self._calm >= self._rule.calm:
                self.close()
                return Step.CLOSED
            return Step.NOTHING
        self._calm = 0
        if self.worst is None or finding.score > self.worst.score:
            self.worst = finding
        if finding.score < self._told * WORSE:
            return Step.NOTHING
        self._told = finding.score
        return Step.WORSE
