"""Shelly: statuses whole and in part, components, errors, and channels that are not mixed."""

import json
from typing import Any

import pytest

from edge.driver import BadFrameError, Verdict
from edge.formats.contract import Arrival, Options, Understood
from edge.formats.shelly import Shelly
from edge.payloads import Dated, FieldSpec
from telemetry.reading import Flag

TS, TS_MS = 1700000000.12, 1_700_000_000_120


def heard(content: Any, topic: str = "pole12/events/rpc", **options: Any) -> Understood:
    payload = content if isinstance(content, bytes) else json.dumps(content).encode()
    return Shelly(Options(**options)).understand(Arrival(payload, topic))


def notify(method: str = "NotifyStatus", ts: Any = TS, **components: Any) -> dict[str, Any]:
    params = {"ts": ts, **{name.replace("_", ":"): state for name, state in components.items()}}
    return {"src": "shelly-1", "dst": "pole12/events", "method": method, "params": params}


def test_a_partial_status_is_dated_by_the_device() -> None:
    assert heard(notify(switch_0={"id": 0, "apower": 25.7})).dated == (Dated("power", 25.7, TS_MS),)
    assert heard(notify(switch_0={"id": 0, "output": False})).dated == ()


@pytest.mark.parametrize("ts", [0, 12.5, None])
def test_a_clock_that_is_not_set_dates_nothing(ts: Any) -> None:
    assert heard(notify(ts=ts, temperature_0={"tC": 22.5})).dated == (Dated("temperature", 22.5, None),)


def test_a_component_status() -> None:
    state = {
        "id": 0, "output": True, "apower": 25.7, "voltage": 239.7, "current": 0.188,
        "aenergy": {"total": 913.252, "by_minute": [1, 2, 3], "minute_ts": 1782936360}, "temperature": {"tC": 68.1, "tF": 154.6},
    }  # fmt: skip
    understood = heard(state, "shelly/pole12/status/switch:0")
    assert {dated.quantity: round(dated.value, 6) for dated in understood.dated} == {
        "power": 25.7, "voltage": 239.7, "current": 0.188, "energy": 0.913252, "device_temperature": 68.1,
    }  # fmt: skip
    assert understood.decoded["energy_wh"] == 913.252


@pytest.mark.parametrize(
    ("component", "state", "expected"),
    [
        (
            "em:0",
            {"a_voltage": 230.1, "total_act_power": 512.5, "total_current": 2.2},
            {"power": 512.5, "current": 2.2},
        ),
        ("emdata:0", {"total_act": 1500.0, "total_act_ret": 3.0}, {"energy": 1.5}),
        ("em1:0", {"act_power": 20.0, "voltage": 231.0}, {"power": 20.0, "voltage": 231.0}),
        ("humidity:0", {"rh": 48.9}, {"humidity": 48.9}),
        ("devicepower:0", {"battery": {"V": 5.9, "percent": 88}}, {"battery": 88}),
        ("illuminance:0", {"lux": 120, "illumination": "bright"}, {"illuminance": 120}),
        ("sys", {"uptime": 5}, {}),
        ("temperature:100", {"tC": 21.0}, {}),
    ],
)
def test_components(component: str, state: dict[str, Any], expected: dict[str, float]) -> None:
    dated = heard(state, f"pole12/status/{component}").dated
    assert {one.quantity: one.value for one in dated} == expected


def test_a_second_channel_and_a_probe_are_taken_by_name_only() -> None:
    content = notify(switch_1={"apower": 99.0}, temperature_100={"tC": 21.0})
    assert heard(content).dated == ()
    names = {"switch:1.apower": "power", "temperature:100.tC": "temperature"}
    assert heard(content, names=names).dated == (
        Dated("power", 99.0, TS_MS),
        Dated("temperature", 21.0, TS_MS),
    )
    assert heard(notify(switch_0={"apower": 1.0}), names=names).dated == ()
    fields = {"power": FieldSpec('"switch:1".apower')}
    assert heard(content, fields=fields).dated == (Dated("power", 99.0, TS_MS),)


def test_what_cannot_be_read_is_absent_and_an_error_is_flagged() -> None:
    unread = heard(notify(temperature_0={"tC": None, "tF": None, "errors": ["read"]}))
    assert (unread.verdict, unread.dated) == (Verdict.FLAG, ())
    hot = heard({"apower": 5.0, "errors": ["overtemp"]}, "pole12/status/switch:0")
    assert (hot.verdict, hot.dated) == (Verdict.FLAG, (Dated("power", 5.0, None, int(Flag.DEVICE)),))


def test_one_device_of_those_that_share_a_topic() -> None:
    content = notify(switch_0={"apower": 1.0})
    assert heard(content, device="shelly-1").dated
    assert heard(content, device="shelly-2").verdict is Verdict.IGNORE


def test_events_presence_and_answers() -> None:
    assert heard(notify("NotifyEvent", events=[])).verdict is Verdict.IGNORE
    assert heard(b"false", "pole12/online").decoded == {"online": False}
    answer = {"id": 1, "src": "shelly-1", "dst": "us", "result": {"switch:0": {"apower": 2.0}}}
    assert heard(answer, "us/rpc").dated == (Dated("power", 2.0, None),)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"yes",
        notify(switch_0={"apower": "much"}),
        notify(switch_0={"errors": "read"}),
        notify(ts="now"),
        {"method": 5},
        {"method": "NotifyStatus", "params": []},
    ],
)
def test_what_is_refused(content: Any) -> None:
    with pytest.raises(BadFrameError):
        heard(content)
