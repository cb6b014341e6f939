"""Judging readings: flags, and anomalies that open, worsen and close. Pure: state and a reading in, values out.

A series learns only readings newer than its last learned time, so a redelivery teaches nothing and opens nothing.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from ingest import checks, words
from ingest.detectors import DETECTORS, Detector, Finding, Rule, phrases
from ingest.episodes import Episode, Step
from telemetry.anomaly import Anomaly, AnomalyKind, Severity, anomaly_id
from telemetry.quantities import QUANTITIES
from telemetry.reading import NOT_MEASURING, Flag, Reading

DEVICE = int(Flag.DEVICE)  # plain integers: an IntFlag's operators cost more than a detector
UNTYPICAL = int(Flag.RANGE | Flag.STUCK)
MAX_SERIES = 50_000
REMEMBERED_FLAGS = 64  # of one series: what was flagged keeps its flags when it comes again
QUIET_MS = 300_000  # an open episode of a series that says nothing for so long is closed
# What the survey (ingest.survey) tells of minutes: the flag of each kind; and its episodes.
SURVEYED = {
    AnomalyKind.ZERO: int(Flag.UNWELL),
    AnomalyKind.UNIT: int(Flag.UNWELL),
    AnomalyKind.NOISE: int(Flag.UNWELL),
    AnomalyKind.DRIFT: int(Flag.UNUSUAL),
    AnomalyKind.BIAS: int(Flag.UNUSUAL),
    AnomalyKind.UNUSUAL: int(Flag.UNUSUAL),
}
MILD = (
    AnomalyKind.SPIKE,
    AnomalyKind.DRIFT,
    AnomalyKind.BIAS,
    AnomalyKind.UNUSUAL,
)  # below twice the threshold
SURVEY_RULE = Rule(strong=1.0, hits=1, of=1, release=0.5, calm=3)
RANGE_RULE = Rule(strong=1.0, hits=1, of=1, release=1.0, calm=10)


class Known(NamedTuple):
    """A sensor as the judge sees it. `period_s` 0 = event-driven."""

    name: str
    site: str
    gateway: str
    period_s: float


class Judgement(NamedTuple):
    """Flags for the store (None: the old ones stay) and anomalies that opened, changed or closed."""

    flags: int | None
    changes: tuple[Anomaly, ...] = ()


class _Series:
    """What is remembered of one series."""

    __slots__ = ("detectors", "episodes", "flagged", "known", "learned_ms", "resumed_ms", "seen_ms")

    def __init__(self, quantity: str) -> None:
        self.detectors: dict[AnomalyKind, Detector] = {
            kind: make(QUANTITIES[quantity]) for kind, make in DETECTORS.items()
        }
        self.episodes: dict[AnomalyKind, Episode] = {AnomalyKind.RANGE: Episode(RANGE_RULE)} | {
            kind: Episode(detector.rule) for kind, detector in self.detectors.items()
        }
        self.learned_ms = 0
        self.seen_ms = 0  # the newest reading that could move an episode
        self.resumed_ms = 0
        self.flagged: dict[int, int] = {}
        self.known: Known | None = None


class Judge:
    """State of every series, bounded: above `max_series` the tenth that was silent longest is forgotten."""

    def __init__(self, max_series: int = MAX_SERIES) -> None:
        self._max_series = max_series
        self._series: dict[tuple[str, str], _Series] = {}
        self._open: set[tuple[str, str]] = set()

    def __len__(self) -> int:
        return len(self._series)

    def resume(self, anomalies: Iterable[Anomaly], now_ms: int) -> None:
        """Go on with the open anomalies of an earlier process life, so that none is opened twice or forgotten."""
        for anomaly in anomalies:
            if anomaly.end_ms is not None or anomaly.quantity not in QUANTITIES:
                continue
            series = self._find(anomaly.sensor, anomaly.quantity)
            if anomaly.kind in SURVEYED:
                series.episodes.setdefault(anomaly.kind, Episode(SURVEY_RULE))
            episode = series.episodes.get(anomaly.kind)
            if episode is not None:
                finding = Finding(
                    anomaly.score,
                    anomaly.value or 0.0,
                    anomaly.start_ms,
                    anomaly.expected,
                    anomaly.low,
                    anomaly.high,
                )
                episode.resume(anomaly.start_ms, finding)
                series.known = Known(anomaly.sensor, anomaly.site, "", 0.0)
                series.resumed_ms = now_ms
                series.seen_ms = max(series.seen_ms, series.learned_ms)
                self._open.add((anomaly.sensor, anomaly.quantity))

    def learn(self, reading: Reading) -> None:
        """Take a stored reading into the past without a word; readings of one series in time order."""
        series = self._find(*reading.series)
        if reading.observed_at > series.learned_ms:
            self._learn(series, reading, reading.flags)
            _remember(series, reading.observed_at, reading.flags)

    def judge(
        self,
        reading: Reading,
        known: Known,
        *,
        arrived_ms: int,
        now_ms: int,
        surveyed: Sequence[tuple[AnomalyKind, Finding]] = (),
    ) -> Judgement:
        """The reading's flags and what it changes. `arrived_ms` and `now_ms` are the hub's clock; `surveyed` is what the
        survey tells at this reading."""
        series = self._find(*reading.series)
        flags = reading.flags | checks.range_flag(reading)
        if flags & NOT_MEASURING:
            return Judgement(
                flags
            )  # stored as it is: it says nothing of the street, and nobody is called for it
        if reading.observed_at <= series.learned_ms:
            return Judgement(series.flagged.get(reading.observed_at, flags) or None)
        series.known = known
        findings = {AnomalyKind.RANGE: _range_finding(reading)}
        if arrived_ms - reading.observed_at <= checks.BACKLOG_MS:
            for kind, detector in series.detectors.items():
                finding = detector.score(reading.observed_at, reading.value)
                if finding is not None and not flags & DEVICE:
                    findings[kind] = finding
                    if finding.score >= 1:
                        flags |= int(detector.flag)
            for kind, finding in surveyed:
                findings[kind] = finding
                series.episodes.setdefault(kind, Episode(SURVEY_RULE))
                if finding.score >= 1:
                    flags |= SURVEYED[kind]
            self._learn(series, reading, flags)
            _remember(series, reading.observed_at, flags)
        changes: tuple[Anomaly, ...] = ()
        if now_ms - reading.observed_at <= checks.ALARM_MS and reading.observed_at > series.seen_ms:
            series.seen_ms = reading.observed_at
            changes = tuple(self._changes(series, reading, findings))
        return Judgement(flags, changes)

    def expire(self, now_ms: int) -> list[Anomaly]:
        """Close what is open on series that say nothing any more: their silence is told by others."""
        closed = []
        for sensor, quantity in list(self._open):
            series = self._series[sensor, quantity]
            if now_ms - max(series.seen_ms, series.resumed_ms) <= QUIET_MS:
                continue
            for kind, episode in series.episodes.items():
                if episode.is_open:
                    episode.close()
                    closed.append(
                        _anomaly(series, sensor, quantity, kind, max(episode.start_ms, episode.last_ms))
                    )
            self._open.discard((sensor, quantity))
        return closed

    def _changes(
        self, series: _Series, reading: Reading, findings: dict[AnomalyKind, Finding]
    ) -> Iterator[Anomaly]:
        impossible = findings[AnomalyKind.RANGE].score > 0
        for kind, finding in findings.items():
            episode = series.episodes[kind]
            if impossible and kind is AnomalyKind.SPIKE and not episode.is_open:
                continue  # one anomaly says it: the value is impossible
            step = episode.step(reading.observed_at, finding)
            if step is not Step.NOTHING:
                end_ms = episode.calm_ms if step is Step.CLOSED else None
                yield _anomaly(series, *reading.series, kind, end_ms)
        if any(episode.is_open for episode in series.episodes.values()):
            self._open.add(reading.series)
        else:
            self._open.discard(reading.series)

    def _learn(self, series: _Series, reading: Reading, flags: int) -> None:
        """What is impossible or stands still says nothing about how the series moves."""
        series.learned_ms = reading.observed_at
        if flags & (DEVICE | NOT_MEASURING):
            return
        for kind, detector in series.detectors.items():
            if kind is AnomalyKind.STUCK or not flags & UNTYPICAL:
                detector.learn(reading.observed_at, reading.value)

    def _find(self, sensor: str, quantity: str) -> _Series:
        series = self._series.get((sensor, quantity))
        if series is None:
            if len(self._series) >= self._max_series:
                self._forget()
            series = self._series[sensor, quantity] = _Series(quantity)
        return series

    def _forget(self) -> None:
        oldest = sorted(self._series, key=lambda key: self._series[key].learned_ms)
        for key in oldest[: max(1, self._max_series // 10)]:
            del self._series[key]
            self._open.discard(key)


def _remember(series: _Series, at_ms: int, flags: int) -> None:
    if not flags:
        return
    series.flagged[at_ms] = flags
    if len(series.flagged) > REMEMBERED_FLAGS:
        del series.flagged[next(iter(series.flagged))]


def _range_finding(reading: Reading) -> Finding:
    quantity = QUANTITIES[reading.quantity]
    outside = max(quantity.low - reading.value, reading.value - quantity.high)
    score = 1.0 + outside / (quantity.high - quantity.low) if outside > 0 else 0.0
    return Finding(score, reading.value, reading.observed_at, None, quantity.low, quantity.high)


def _explain(
    series: _Series, quantity: str, kind: AnomalyKind, name: str, finding: Finding
) -> tuple[str, str]:
    if kind in SURVEYED:
        return phrases.say(kind, name, quantity, finding)
    if kind is not AnomalyKind.RANGE:
        return series.detectors[kind].explain(name, finding)
    bounds = QUANTITIES[quantity].low, QUANTITIES[quantity].high
    text = (
        f"{name}: {words.title(quantity)} reads {words.amount(quantity, finding.value)},"
        f" possible is {words.band(quantity, *bounds)}"
    )
    text_vi = (
        f"{name}: {words.title_vi(quantity)} báo {words.amount_vi(quantity, finding.value)},"
        f" chỉ có thể từ {words.band_vi(quantity, *bounds)}"
    )
    return text, text_vi


def _anomaly(series: _Series, sensor: str, quantity: str, kind: AnomalyKind, end_ms: int | None) -> Anomaly:
    """The series' episode of this kind in words; `end_ms` None while it lasts."""
    episode = series.episodes[kind]
    finding, known = episode.worst, series.known
    if finding is None or known is None:
        raise AssertionError(f"{kind} of {sensor}/{quantity} is told before it was opened")
    text, text_vi = _explain(series, quantity, kind, known.name, finding)
    if end_ms is not None:
        lasted = end_ms - episode.start_ms
        text += f"; over after {words.duration(lasted)}"
        text_vi += f"; đã hết sau {words.duration_vi(lasted)}"
    mild = kind in MILD and finding.score < 2
    return Anomaly(
        id=anomaly_id(sensor, quantity, kind, episode.start_ms),
        sensor=sensor,
        quantity=quantity,
        site=known.site,
        kind=kind,
        severity=Severity.INFO if mild else Severity.WARNING,
        start_ms=episode.start_ms,
        end_ms=end_ms,
        score=round(finding.score, 2),
        value=finding.value,
        expected=finding.expected,
        low=finding.low,
        high=finding.high,
        text=f"{text}.",
        text_vi=f"{text_vi}.",
    )
