"""Of ageing, which lasts for weeks, only its own name speaks."""

from firmware_sim.faults import FaultKind
from halong.trial.plan import Done
from halong.trial.score import Told, score
from telemetry.anomaly import Anomaly, AnomalyKind, Severity, anomaly_id

DAY_MS = 86_400_000


def told(kind: AnomalyKind, start_day: int, told_day: int) -> Told:
    start_ms = start_day * DAY_MS
    one = anomaly_id("pm-1", "pm25", kind, start_ms)
    anomaly = Anomaly(
        one, "pm-1", "pm25", "a", kind, Severity.INFO, start_ms, None, 1, 1, 2, None, None, "", ""
    )
    return Told(anomaly, told_day * DAY_MS)


def test_a_spike_meanwhile_neither_finds_it_nor_is_true() -> None:
    aged = Done(FaultKind.AGEING, "pm-1", "a", "gw", ("pm25",), 10 * 86_400, 22 * 86_400)
    spike, drift = told(AnomalyKind.SPIKE, 12, 12), told(AnomalyKind.CALIBRATION, 11, 15)
    one = score([aged], [spike], [], start_s=0, days=30, sensors=1)
    assert one.recall[FaultKind.AGEING].found == 0
    assert one.precision["spike"].true == 0
    one = score([aged], [spike, drift], [], start_s=0, days=30, sensors=1)
    assert one.recall[FaultKind.AGEING].named == 1
    assert one.recall[FaultKind.AGEING].delay_s == 5 * 86_400
    assert one.precision["calibration_drift"].true == 1
