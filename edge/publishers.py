"""What the configuration can say about devices that publish by themselves, over MQTT or by HTTP. Pure."""

from enum import StrEnum

import msgspec

from edge.formats import FORMATS
from edge.formats.contract import Format, Options
from edge.payloads import FieldSpec, JsonMapping, SenmlMapping
from runtime.brokerurl import Access


class PayloadFormat(StrEnum):
    """What an MQTT source publishes."""

    JSON = "json"
    SENML = "senml"
    SENML_CBOR = "senml-cbor"
    CHIRPSTACK = "chirpstack-v4"
    TTS = "tts-v3"
    SPARKPLUG = "sparkplug-b"
    TASMOTA = "tasmota"
    ZIGBEE2MQTT = "zigbee2mqtt"
    SHELLY = "shelly-gen2"


class DeviceFrom(StrEnum):
    """Where an MQTT source looks for the device it is about, when others share its topic."""

    PAYLOAD = "payload"
    TOPIC = "topic"


class FieldPath(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Where a quantity stands in a JSON payload (a JMESPath), and the SenML unit it is given in (canonical when "")."""

    path: str
    unit: str = ""


class MqttSource(Access, frozen=True, omit_defaults=True, kw_only=True):
    """A device that publishes by itself. `url` "": the agent's broker, else another with files of its own.

    `time`: a JMESPath to its own time ("": arrival).
    `device`: the only one meant of those that share the topic; `zone`: of local times that do not say theirs.
    """

    topic: str
    sensor: str
    format: PayloadFormat = PayloadFormat.JSON
    url: str = ""
    name: str = ""
    period_s: float = 0.0
    fields: dict[str, FieldPath] = msgspec.field(default_factory=dict)
    time: str = ""
    names: dict[str, str] = msgspec.field(default_factory=dict)
    quantities: tuple[str, ...] = ()
    device: str = ""
    device_from: DeviceFrom = DeviceFrom.PAYLOAD
    zone: str = ""
    latitude: float | None = None
    longitude: float | None = None

    def mapping(self) -> JsonMapping | SenmlMapping | Format:
        """What understands its payloads; raises ValueError."""
        fields = {name: FieldSpec(field.path, field.unit or None) for name, field in self.fields.items()}
        if self.format is PayloadFormat.JSON:
            return JsonMapping(fields, self.time or None)
        if self.format in FORMATS:
            in_topic = self.device_from is DeviceFrom.TOPIC
            return FORMATS[self.format](Options(fields, self.names, self.device, in_topic, self.zone))
        return SenmlMapping(self.format is PayloadFormat.SENML_CBOR, self.names)

    def reports(self) -> tuple[str, ...]:
        """The quantities it is known to report."""
        return self.quantities or tuple(dict.fromkeys((*self.fields, *self.names.values())))


class HttpSensor(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A sensor.community node that pushes to a listener; `pin` 0: all its pins, else the sensor at that pin."""

    node: str
    sensor: str
    pin: int = 0
    name: str = ""
    period_s: float = 145.0
    names: dict[str, str] = {}
    quantities: tuple[str, ...] = ()
    latitude: float | None = None
    longitude: float | None = None


class HttpListener(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Where sensor.community nodes push to. Anyone who reaches the port can push: keep it in the sensors' network."""

    listen: str = "127.0.0.1"
    port: int = 8480
    path: str = "/v1/push-sensor-data/"
    sensors: tuple[HttpSensor, ...] = msgspec.field(default=(), name="sensor")
