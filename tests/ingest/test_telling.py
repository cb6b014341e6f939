"""An episode in words and figures that people can read."""

from ingest import absence
from ingest.detectors.finding import Finding, Rule
from ingest.episodes import Episode
from ingest.telling import Known, over, tell
from telemetry.anomaly import AnomalyKind, Severity

T = 1_795_395_600_000


def episode(finding: Finding) -> Episode:
    opened = Episode(Rule(2.0, 2, 3, 0.5, 3))
    opened.resume(T, finding)
    return opened


def test_what_was_worked_out_has_no_more_figures_than_are_known() -> None:
    finding = Finding(16.1634, 2058.25, T, 457.77007284580736, 358.77007284580736, 1_234_556.770072)
    anomaly = tell(
        ("co2-1", "co2"),
        Known("CO₂, Bãi Cháy", "bai-chay", "gw-1", 2.0),
        AnomalyKind.SPIKE,
        episode(finding),
        None,
    )
    assert (anomaly.value, anomaly.score, anomaly.severity) == (2058.25, 16.16, Severity.WARNING)
    assert (anomaly.expected, anomaly.low, anomaly.high) == (457.7701, 358.7701, 1_234_557.0)


def test_a_counter_is_told_by_how_fast_it_rises() -> None:
    finding = Finding(9.0, 3756.3, T, None, 0.0, 3.1)
    known = Known("Trạm khí tượng", "bai-chay", "gw-1", 2.0)
    anomaly = tell(("air-1", "rain"), known, AnomalyKind.SPIKE, episode(finding), T + 45_000)
    assert anomaly.text == (
        "Trạm khí tượng: rain is 3756.3 mm per minute, 0.0 to 3.1 mm per minute is usual now; over after 45 s."
    )
    assert anomaly.text_vi.startswith("Trạm khí tượng: lượng mưa là 3756,3 mm mỗi phút")
    assert (anomaly.expected, anomaly.end_ms) == (None, T + 45_000)


def test_what_is_over_says_how_long_it_was_and_never_ends_before_it_began() -> None:
    told = absence.silent("pm-1", Known("Bụi", "s", "gw", 2.5), 1_767_225_600_000, 1_767_225_650_000)
    ended = over(told, told.start_ms + 60_000)
    assert (ended.id, ended.end_ms) == (told.id, told.start_ms + 60_000)
    assert ended.text == told.text.removesuffix(".") + "; over after 60 s."
    assert ended.text_vi == told.text_vi.removesuffix(".") + "; đã hết sau 60 giây."
    back = over(told, told.start_ms - 5000)
    assert (back.end_ms, back.text) == (told.start_ms, told.text.removesuffix(".") + "; over after 0 s.")
