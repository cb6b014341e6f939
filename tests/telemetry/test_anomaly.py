"""An episode has one id, wherever and whenever it is computed."""

import msgspec

from telemetry.anomaly import Anomaly, AnomalyKind, Severity, anomaly_id

ONE = Anomaly(
    anomaly_id("pm-1", "pm25", AnomalyKind.SPIKE, 1_700_000_000_000),
    "pm-1",
    "pm25",
    "bai-chay",
    AnomalyKind.SPIKE,
    Severity.WARNING,
    1_700_000_000_000,
    None,
    7.5,
    180.0,
    20.0,
    10.0,
    30.0,
    "PM2.5 180.0 µg/m³ at pm-1, expected 10.0 to 30.0 µg/m³",
    "PM2.5 180,0 µg/m³",
)


def test_the_id_is_the_same_after_a_restart() -> None:
    """Stored ids must stay valid: `printf pm-1/pm25/spike/1700000000000 | b2sum -l 64`."""
    assert ONE.id == "86346a82c02040ba"


def test_other_episodes_have_other_ids() -> None:
    ids = {
        anomaly_id(sensor, quantity, kind, start)
        for sensor in ("pm-1", "pm-2")
        for quantity in ("pm1", "pm25", "")
        for kind in AnomalyKind
        for start in (0, 1, 1_700_000_000_000)
    }
    assert len(ids) == 2 * 3 * len(AnomalyKind) * 3


def test_an_open_one_says_so_on_the_wire() -> None:
    content = msgspec.json.decode(msgspec.json.encode(ONE))
    assert content["end_ms"] is None
    assert (content["kind"], content["severity"]) == ("spike", "warning")
    assert msgspec.json.decode(msgspec.json.encode(ONE), type=Anomaly) == ONE
