"""LoRaWAN uplinks as two network servers publish them in JSON: ChirpStack v4 and The Things Stack v3. Pure.

    application/APP/device/DEVEUI/event/TYPE      ChirpStack: up, join, status, ack, txack, log, location, integration
    v3/APP@TENANT/devices/DEVICE/up               The Things Stack; also join, down/..., service/data, location/solved

What the device measured is in the part that the network's codec has decoded (`object`, `decoded_payload`); its keys are
the codec's, so a source names them in `fields`. Zero and empty members may be left out by either server. The time is the
network's. (ChirpStack: MQTT integration, event messages; The Things Stack: data formats of the application server.)
"""

from base64 import b64decode
from binascii import Error
from collections.abc import Mapping
from typing import Any, NamedTuple

from edge.driver import BadFrameError, Verdict
from edge.formats.contract import Arrival, Options, Understood, member, text, whole
from edge.formats.repeats import Repeats
from edge.payloads import Dated, JsonMapping, number, parse_object, time_ms

UP = "up"
LAST_COUNTER = 0xFFFFFFFF
LAST_PORT = 255
_CHIRPSTACK_SIGNS = {  # a member only this event has, for a message whose topic is not known
    "level": "log", "margin": "status", "batteryLevel": "status", "acknowledged": "ack", "downlinkId": "txack",
    "location": "location", "integrationName": "integration",
}  # fmt: skip
_UPLINK_SIGNS = {"data", "object", "rxInfo", "fCnt", "fPort", "txInfo"}
_TTS_SIGNS = {
    "join_accept": "join", "location_solved": "location", "service_data": "service", "downlink_ack": "down",
    "downlink_nack": "down", "downlink_sent": "down", "downlink_failed": "down", "downlink_queued": "down",
    "uplink_normalized": "up/normalized",
}  # fmt: skip


class Uplink(NamedTuple):
    """One event of one device. `names` are what the device is called; `decoded` what people are shown."""

    event: str
    names: tuple[str, ...]
    session: str
    time: str
    counter: int
    payload: bytes
    fields: dict[str, Any] | None
    decoded: dict[str, Any]


class Lorawan:
    """The devices of an application, or the one `options.device` names; raises ValueError for a bad JMESPath."""

    def __init__(self, options: Options) -> None:
        self._fields = JsonMapping(options.fields)
        self._device, self._in_topic = options.device.lower(), options.device_in_topic
        self._repeats = Repeats()

    def understand(self, arrival: Arrival) -> Understood:
        """See Format. A repeat, another device's message and every event without a measurement are ignored."""
        if self._in_topic and self._device not in arrival.topic.lower().split("/"):
            return Understood(Verdict.IGNORE, None, reason="another device")
        uplink = self._read(parse_object(arrival.payload), arrival.topic)
        if self._device and not self._in_topic and self._device not in map(str.lower, uplink.names):
            return Understood(Verdict.IGNORE, uplink.decoded, reason="another device")
        at_ms = time_ms(uplink.time) if uplink.time else None
        if uplink.event != UP:
            dated = self._without_uplink(uplink, at_ms)
            verdict = Verdict.ACCEPT if dated else Verdict.IGNORE
            return Understood(verdict, uplink.decoded, dated, "" if dated else f"{uplink.event} event")
        if self._repeats.is_repeat(
            uplink.names[0],
            uplink.session,
            uplink.counter,
            uplink.payload,
            arrival.at_ms if at_ms is None else at_ms,
        ):
            return Understood(Verdict.IGNORE, uplink.decoded, reason="a repeat")
        dated = tuple(self._fields.find(uplink.fields or {}, at_ms))
        return Understood(Verdict.ACCEPT, uplink.decoded, dated)

    def _read(self, content: dict[str, Any], topic: str) -> Uplink:
        raise NotImplementedError

    def _without_uplink(self, uplink: Uplink, at_ms: int | None) -> tuple[Dated, ...]:
        return ()


class ChirpStack(Lorawan):
    """ChirpStack v4 events; a status event gives the battery."""

    def _read(self, content: dict[str, Any], topic: str) -> Uplink:
        device = text(member(content, "deviceInfo"), "devEui").lower()
        if not device:
            raise BadFrameError("no deviceInfo.devEui: not an event of ChirpStack 4")
        event, time = _chirpstack_event(content, topic), text(content, "time")
        decoded: dict[str, Any] = {"device": device, "time": time or None}
        if event != UP:
            kept = (
                "level",
                "code",
                "description",
                "margin",
                "batteryLevel",
                "externalPowerSource",
                "devAddr",
            )
            decoded |= {"event": event} | {_snake(key): content[key] for key in kept if key in content}
            return Uplink(event, (device,), "", time, 0, b"", None, decoded)
        counter, payload = whole(content, "fCnt", LAST_COUNTER), _base64(text(content, "data"))
        fields = member(content, "object") if content.get("object") is not None else None
        decoded |= {
            "f_cnt": counter,
            "f_port": whole(content, "fPort", LAST_PORT),
            "payload_hex": payload.hex(),
            "fields": fields,
            "rssi": _signal(content, "rxInfo"),
        }
        return Uplink(event, (device,), text(content, "devAddr"), time, counter, payload, fields, decoded)

    def _without_uplink(self, uplink: Uplink, at_ms: int | None) -> tuple[Dated, ...]:
        level = uplink.decoded.get("battery_level")
        if uplink.event != "status" or level is None or uplink.decoded.get("external_power_source"):
            return ()
        percent = number(level, "batteryLevel")
        return (Dated("battery", percent, at_ms),) if 0 < percent <= 100 else ()  # 0 and -1: not measured


class TheThingsStack(Lorawan):
    """The Things Stack v3 application messages. An uplink that was simulated in its console is no measurement."""

    def _read(self, content: dict[str, Any], topic: str) -> Uplink:
        ids = member(content, "end_device_ids")
        device, eui = text(ids, "device_id"), text(ids, "dev_eui")
        if not device:
            raise BadFrameError("no end_device_ids.device_id: not a message of The Things Stack 3")
        message, event = member(content, "uplink_message"), _tts_event(content, topic)
        time = text(message, "received_at") or text(content, "received_at")
        decoded: dict[str, Any] = {"device": device, "dev_eui": eui or None, "time": time or None}
        if content.get("simulated") is True:
            event = "simulated"
        names = (device, eui) if eui else (device,)
        if event not in (UP, "simulated"):
            return Uplink(event, names, "", time, 0, b"", None, decoded | {"event": event})
        if not message:
            raise BadFrameError("no uplink_message")
        counter, payload = whole(message, "f_cnt", LAST_COUNTER), _base64(text(message, "frm_payload"))
        fields = member(message, "decoded_payload") if message.get("decoded_payload") is not None else None
        decoded |= {
            "f_port": whole(message, "f_port", LAST_PORT),
            "f_cnt": counter,
            "payload_hex": payload.hex(),
            "fields": fields,
            "rssi": _signal(message, "rx_metadata"),
        }
        session = text(message, "session_key_id") or text(ids, "dev_addr")
        return Uplink(event, names, session, time, counter, payload, fields, decoded)


def _chirpstack_event(content: Mapping[str, Any], topic: str) -> str:
    levels = topic.split("/")
    if len(levels) > 1 and levels[-2] == "event":
        return levels[-1]
    if _UPLINK_SIGNS & content.keys():
        return UP
    return next((event for key, event in _CHIRPSTACK_SIGNS.items() if key in content), "join")


def _tts_event(content: Mapping[str, Any], topic: str) -> str:
    before, devices, after = topic.partition("/devices/")
    if before and devices and "/" in after:
        return after.split("/", 1)[1]
    if "uplink_message" in content:
        return UP
    return next((event for key, event in _TTS_SIGNS.items() if key in content), "unknown")


def _signal(content: Mapping[str, Any], key: str) -> Any:
    """The strength at the first gateway in the list, in dBm."""
    heard = content.get(key)
    first = heard[0] if isinstance(heard, list) and heard else None
    return first.get("rssi") if isinstance(first, dict) else None


def _base64(encoded: str) -> bytes:
    try:
        return b64decode(encoded, validate=True)
    except (Error, ValueError):
        raise BadFrameError("the payload is not base64") from None


def _snake(key: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in key)
