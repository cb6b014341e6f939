"""LoRaWAN uplinks of two network servers: what is published, what is a repeat, whose it is."""

import json
from typing import Any

import pytest

from edge.driver import BadFrameError, Verdict
from edge.formats.contract import Arrival, Options, Understood
from edge.formats.lorawan import ChirpStack, Lorawan, TheThingsStack
from edge.payloads import Dated, FieldSpec

NOW = 1_750_000_000_000
EUI = "a8404187d187106e"
FIELDS = {"temperature": FieldSpec("temp_SOIL"), "voltage": FieldSpec("BatV")}
AT = "2024-06-20T08:48:38.863512+00:00"
AT_MS = 1_718_873_318_864


def chirpstack(**changes: Any) -> dict[str, Any]:
    event = {
        "deduplicationId": "9ffbc7be",
        "time": AT,
        "deviceInfo": {"devEui": EUI, "deviceName": "soil-1"},
        "devAddr": "01d3257c",
        "fCnt": 318,
        "fPort": 2,
        "data": "DOUAAAUyBV4KAA==",
        "object": {"BatV": 3.301, "temp_SOIL": "13.25", "empty": None},
        "rxInfo": [{"gatewayId": "0016c001f153a14c", "rssi": -70}],
    }
    return {key: value for key, value in (event | changes).items() if value is not ...}


def tts(**changes: Any) -> dict[str, Any]:
    message = {"f_port": 1, "f_cnt": 7, "frm_payload": "gkHe", "decoded_payload": {"temp_SOIL": 1.0}}
    return {
        "end_device_ids": {"device_id": "dev1", "dev_eui": "0004A30B001C0530", "dev_addr": "00BCB929"},
        "received_at": AT,
        "uplink_message": message | changes,
    }


def heard(format_: Lorawan, content: Any, topic: str = "", at_ms: int = NOW) -> Understood:
    return format_.understand(Arrival(json.dumps(content).encode(), topic, at_ms))


def test_fields_of_the_decoded_object_are_dated_by_the_network() -> None:
    understood = heard(ChirpStack(Options(FIELDS)), chirpstack())
    assert understood.verdict is Verdict.ACCEPT
    assert understood.dated == (Dated("temperature", 13.25, AT_MS), Dated("voltage", 3.301, AT_MS))


def test_what_early_releases_leave_out_is_zero() -> None:
    understood = heard(ChirpStack(Options(FIELDS)), chirpstack(fCnt=..., fPort=..., data=..., rxInfo=...))
    assert understood.decoded["f_cnt"] == understood.decoded["f_port"] == 0
    assert understood.decoded["payload_hex"] == ""
    assert understood.decoded["rssi"] is None
    assert len(understood.dated) == 2


def test_an_uplink_without_a_codec_or_time_is_good_and_empty() -> None:
    understood = heard(ChirpStack(Options(FIELDS)), chirpstack(object=..., time=...))
    assert (understood.verdict, understood.dated) == (Verdict.ACCEPT, ())
    assert understood.decoded["fields"] is None


def test_without_a_time_the_arrival_counts() -> None:
    dated = heard(ChirpStack(Options(FIELDS)), chirpstack(time=...)).dated
    assert [one.time_ms for one in dated] == [None, None]


@pytest.mark.parametrize(
    ("topic", "changes", "event"),
    [
        ("application/a/device/d/event/log", {}, "log"),
        ("application/a/device/d/event/join", {}, "join"),
        ("", {"level": "ERROR", "data": ..., "object": ..., "rxInfo": ..., "fCnt": ..., "fPort": ...}, "log"),
        ("", {"data": ..., "object": ..., "rxInfo": ..., "fCnt": ..., "fPort": ...}, "join"),
    ],
)
def test_other_events_publish_nothing(topic: str, changes: dict[str, Any], event: str) -> None:
    understood = heard(ChirpStack(Options(FIELDS)), chirpstack(**changes), topic)
    assert (understood.verdict, understood.dated) == (Verdict.IGNORE, ())
    assert understood.decoded["event"] == event


@pytest.mark.parametrize(
    ("status", "battery"),
    [
        ({"batteryLevel": 75.5, "margin": 5}, [75.5]),
        ({"batteryLevel": 0, "externalPowerSource": True}, []),
        ({"batteryLevel": 0, "batteryLevelUnavailable": True}, []),
        ({"margin": 5}, []),
    ],
)
def test_a_status_event_gives_the_battery(status: dict[str, Any], battery: list[float]) -> None:
    content = {"time": AT, "deviceInfo": {"devEui": EUI}, **status}
    understood = heard(ChirpStack(Options(FIELDS)), content, f"application/a/device/{EUI}/event/status")
    assert understood.dated == tuple(Dated("battery", level, AT_MS) for level in battery)
    assert understood.verdict is (Verdict.ACCEPT if battery else Verdict.IGNORE)


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"devEUI": "qEBBh9GHEG4=", "objectJSON": "{}"},  # version 3
        chirpstack(deviceInfo={}),
        chirpstack(deviceInfo=[]),
        chirpstack(fCnt=-1),
        chirpstack(fCnt="1"),
        chirpstack(fCnt=2**32),
        chirpstack(fPort=256),
        chirpstack(data="?"),
        chirpstack(data="å"),
        chirpstack(object=[1]),
        chirpstack(object={"BatV": "flat"}),
        chirpstack(time="2024-06-20T08:48:38"),
        chirpstack(time=5),
    ],
)
def test_chirpstack_messages_that_are_refused(content: dict[str, Any]) -> None:
    with pytest.raises(BadFrameError):
        heard(ChirpStack(Options(FIELDS)), content)


def test_the_things_stack() -> None:
    understood = heard(TheThingsStack(Options(FIELDS)), tts(received_at="2020-02-12T15:15:46.014773143Z"))
    assert understood.dated == (Dated("temperature", 1.0, 1_581_520_546_015),)
    assert understood.decoded["payload_hex"] == "8241de"
    assert heard(TheThingsStack(Options(FIELDS)), tts()).dated[0].time_ms == AT_MS


def test_a_simulated_uplink_is_no_measurement() -> None:
    understood = heard(TheThingsStack(Options(FIELDS)), tts() | {"simulated": True})
    assert (understood.verdict, understood.dated) == (Verdict.IGNORE, ())


@pytest.mark.parametrize("topic", ["v3/app@ttn/devices/dev1/join", "v3/app@ttn/devices/dev1/down/ack"])
def test_other_messages_of_the_things_stack_publish_nothing(topic: str) -> None:
    content = {"end_device_ids": {"device_id": "dev1"}, "received_at": AT}
    understood = heard(TheThingsStack(Options(FIELDS)), content, topic)
    assert (understood.verdict, understood.dated) == (Verdict.IGNORE, ())
    assert understood.decoded["event"] == topic.split("/devices/dev1/")[1]


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"end_device_ids": {"device_id": "d"}, "uplink_message": {}, "received_at": AT},
        tts(frm_payload="?"),
        tts(f_cnt=1.5),
        tts(decoded_payload="x"),
        tts(received_at="soon"),
    ],
)
def test_messages_of_the_things_stack_that_are_refused(content: dict[str, Any]) -> None:
    with pytest.raises(BadFrameError):
        heard(TheThingsStack(Options(FIELDS)), content, "v3/app@ttn/devices/d/up")


def test_the_same_uplink_twice_counts_once() -> None:
    format_ = ChirpStack(Options(FIELDS))
    assert heard(format_, chirpstack()).dated
    late = heard(format_, chirpstack(time="2024-06-20T08:48:41+00:00", deduplicationId="other"))
    assert (late.verdict, late.dated, late.reason) == (Verdict.IGNORE, (), "a repeat")
    assert heard(format_, chirpstack(fCnt=319)).dated


def test_a_counter_that_falls_back_discards_nothing() -> None:
    format_ = TheThingsStack(Options(FIELDS))
    assert heard(format_, tts(f_cnt=7)).dated
    assert heard(format_, tts(f_cnt=0)).dated
    assert heard(format_, tts(f_cnt=0, frm_payload="gkHf")).dated
    assert heard(format_, tts(f_cnt=7, received_at="2024-06-20T09:48:38Z")).dated
    rejoined = tts(f_cnt=7, session_key_id="AX8=")
    assert heard(format_, rejoined).dated


def test_devices_have_counters_of_their_own() -> None:
    format_ = ChirpStack(Options(FIELDS))
    assert heard(format_, chirpstack()).dated
    assert heard(format_, chirpstack(deviceInfo={"devEui": "0101010101010101"})).dated


def test_one_device_of_those_that_share_a_topic() -> None:
    theirs = chirpstack(deviceInfo={"devEui": "0101010101010101"})
    by_payload = ChirpStack(Options(FIELDS, device=EUI.upper()))
    assert heard(by_payload, chirpstack()).dated
    assert heard(by_payload, theirs).verdict is Verdict.IGNORE
    by_topic = ChirpStack(Options(FIELDS, device=EUI.upper(), device_in_topic=True))
    assert heard(by_topic, chirpstack(), f"application/a/device/{EUI}/event/up").dated
    assert heard(by_topic, chirpstack(), "application/a/device/0101010101010101/event/up").dated == ()
    for name in ("dev1", "0004a30b001c0530"):
        assert heard(TheThingsStack(Options(FIELDS, device=name)), tts()).dated
    assert not heard(TheThingsStack(Options(FIELDS, device="dev2")), tts()).dated
