"""What a single reading must satisfy."""

import json

import pytest

from ingest import checks
from telemetry.quarantine import Reason
from telemetry.reading import Reading
from telemetry.times import DAY_MS

NOW = 1_767_200_400_000


@pytest.mark.parametrize("offset", [-60 * DAY_MS, 0, 300_000])
def test_possible_times(offset: int):
    assert checks.time_fault(NOW + offset, NOW) is None


@pytest.mark.parametrize(
    ("offset", "detail"), [(-60 * DAY_MS - 1, "60 days before"), (300_001, "300 s after")]
)
def test_impossible_times(offset: int, detail: str):
    fault = checks.time_fault(NOW + offset, NOW)
    assert fault is not None
    assert fault.reason is Reason.IMPOSSIBLE_TIME
    assert detail in fault.detail


def test_a_sensor_has_one_owner():
    assert checks.owner_fault("pm-1", "gw-1", None) is None
    assert checks.owner_fault("pm-1", "gw-1", "gw-1") is None
    assert checks.owner_fault("pm-1", "gw-2", "gw-1") == (
        Reason.NOT_OWNER,
        "pm-1 belongs to gw-1, gw-2 sent it",
    )


def test_late_only_above_a_minute():
    assert checks.late_s(NOW - 60_000, NOW) is None
    assert checks.late_s(NOW - 60_001, NOW) == 60
    assert checks.late_s(NOW + 5000, NOW) is None


def test_a_reading_set_aside_is_a_whole_record():
    fault = checks.Fault(Reason.NOT_OWNER, "why")
    entry = checks.set_aside(
        fault, Reading("pm-1", "pm25", NOW + 7, 3.5, 2), site="bai-chay", topic="t", gateway="g"
    )
    assert json.loads(entry.payload) == {
        "n": "pm-1/pm25",
        "u": "ug/m3",
        "t": (NOW + 7) / 1000,
        "v": 3.5,
        "fl": 2,
        "site": "bai-chay",
    }
    assert (entry.reason, entry.sensor, entry.gateway, entry.topic) == (Reason.NOT_OWNER, "pm-1", "g", "t")
