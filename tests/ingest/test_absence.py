"""What is told of those who say too little."""

import pytest

from ingest import absence
from ingest.absence import Leave
from ingest.telling import Known
from telemetry.anomaly import AnomalyKind, Severity

T = 1_767_225_600_000  # 2026-01-01 07:00 in Hạ Long
KNOWN = Known("Bụi, Hà Tu", "ha-tu", "gw-1", 2.5, "Hà Tu")


def test_a_silence_is_told_by_its_beginning_and_its_score_is_in_periods() -> None:
    told = absence.silent("pm-1", KNOWN, T, T + 50_000)
    assert told.text == "Bụi, Hà Tu: no reading since 2026-01-01 07:00:00, one every 2.5 s is usual."
    assert told.text_vi.endswith("bình thường cứ 2,5 giây một lần.")
    assert (told.kind, told.sensor, told.site, told.score) == (AnomalyKind.SILENCE, "pm-1", "ha-tu", 20.0)
    assert (told.start_ms, told.end_ms, told.value, told.low) == (T, None, None, None)


@pytest.mark.parametrize("refused", [False, True])
def test_the_line_is_blamed_only_where_its_gateway_dropped_frames(refused: bool) -> None:
    told = absence.lossy("pm-1", KNOWN, (T, T + 90_000), (12, 36), refused, 1.25)
    assert told.text.startswith("Bụi, Hà Tu: 12 of 36 readings that were due within 90 s are missing")
    assert ("its line is bad" in told.text, "đường dây có lỗi" in told.text_vi) == (refused, refused)
    assert (told.kind, told.severity, told.score) == (AnomalyKind.GAP, Severity.WARNING, 1.25)


@pytest.mark.parametrize(
    ("leave", "words", "severity"),
    [
        (None, "sends no heartbeat", Severity.CRITICAL),
        (Leave(T, orderly=False), "lost its connection", Severity.CRITICAL),
        (Leave(T, orderly=True), "was shut down", Severity.INFO),
    ],
)
def test_how_a_gateway_went_makes_it_grave_or_not(
    leave: Leave | None, words: str, severity: Severity
) -> None:
    told = absence.gateway_gone("gw-1", "ha-tu", "Hà Tu", T, leave)
    assert told.text == f"Gateway gw-1 at Hà Tu {words}; its sensors cannot be heard."
    assert (told.kind, told.sensor, told.severity) == (AnomalyKind.GATEWAY, "gw-1", severity)
    assert absence.gateway_gone("gw-1", "", "", T, leave).text.startswith(f"Gateway gw-1 {words}")
