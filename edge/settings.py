"""What the TOML configuration of an agent can say (see edge.sample.toml), and what each part of it builds. Pure."""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

import msgspec

from edge.clock import LADDER, Clock, Rung
from edge.driver import Driver
from edge.drivers import DRIVERS
from edge.publishers import HttpListener, HttpSensor, MqttSource
from edge.traffic import QUANTITIES as COUNTED
from edge.traffic import Traffic
from runtime.brokerurl import Access, BrokerUrl
from telemetry.inventory import Sensor, Site
from telemetry.names import did_you_mean
from telemetry.topics import DEFAULT_ROOT

MODBUS = "modbus-rtu"
PUSH = "sensor-community"


class Encoding(StrEnum):
    """How packs are written; ingest reads both."""

    JSON = "json"
    CBOR = "cbor"


class Trust(StrEnum):
    """When the gateway's clock may date readings."""

    SYSTEM = "system"  # always: the host keeps it right
    LADDER = "ladder"  # when a source of `clock.ladder` says what time it is


class BrokerSettings(Access, frozen=True, omit_defaults=True, kw_only=True):
    """The broker between agent and hub; everything is published below `root`."""

    url: str = "mqtt://127.0.0.1:1883"
    root: str = DEFAULT_ROOT
    encoding: Encoding = Encoding.JSON


class JournalSettings(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Where accepted readings are kept, how long they wait for each other, how much may be kept."""

    path: str = "journal.db"
    commit_ms: int = 200
    keep_days: int = 60
    max_mb: int = 2048


class ClockSettings(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What dates the readings. `gnss` names the [[serial]] sensor that is the gateway's own receiver; see edge.clock."""

    trust: Trust = Trust.LADDER
    ladder: tuple[Rung, ...] = LADDER
    gnss: str = ""
    tolerance_ms: int = 500
    settle_s: float = 30.0

    def clock(self) -> Clock:
        """What decides on the time."""
        ladder = (Rung.SYSTEM,) if self.trust is Trust.SYSTEM else self.ladder
        return Clock(ladder, tolerance_ms=self.tolerance_ms, settle_ms=round(self.settle_s * 1000))


class MetricsSettings(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Where Prometheus may look: http://<listen>:<port>/metrics; port 0: nowhere."""

    listen: str = "127.0.0.1"
    port: int = 0


class SerialDevice(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One device alone on a serial port. `baud`, `line` and `timeout_s` are the driver's when 0 or "". A polled device is
    asked every `period_s` seconds."""

    path: str
    protocol: str
    sensor: str
    name: str = ""
    period_s: float = 1.0
    baud: int = 0
    line: str = ""
    timeout_s: float = 0.0
    latitude: float | None = None
    longitude: float | None = None
    options: dict[str, bool | int | float | str | list[str] | dict[str, dict[str, int | str]]] = {}
    aggregate_s: int = 0
    raw: bool = False

    def driver(self) -> Driver:
        """The driver of this device; raises ValueError."""
        return _driver(self.protocol, self.options)

    def traffic(self) -> Traffic | None:
        """What counts its vehicles every `aggregate_s` seconds; None (0): each event is published by itself."""
        return Traffic(self.aggregate_s * 1000, raw=self.raw) if self.aggregate_s else None

    def reports(self) -> tuple[str, ...]:
        """The quantities it reports; raises ValueError."""
        return COUNTED if self.aggregate_s else self.driver().quantities


class ModbusUnit(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One device on a Modbus bus. `map` names a register map of edge/maps or a file; `fields` [] means all of it."""

    unit: int
    map: str
    sensor: str
    name: str = ""
    period_s: float = 2.0
    fields: tuple[str, ...] = ()
    latitude: float | None = None
    longitude: float | None = None

    def driver(self) -> Driver:
        """The driver of this unit; raises ValueError."""
        options: dict[str, object] = {"unit": self.unit, "map": self.map}
        return _driver(MODBUS, options | ({"fields": list(self.fields)} if self.fields else {}))


class ModbusBus(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One RS-485 line with several units, asked one after the other."""

    path: str
    baud: int = 4800
    line: str = "8N1"
    timeout_s: float = 0.5
    units: tuple[ModbusUnit, ...] = msgspec.field(default=(), name="unit")


class EdgeConfig(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One gateway: where it stands, what it reads, where it sends. `regulatory`: its days must fit into its journal."""

    gateway: str
    site: Site
    regulatory: bool = False
    broker: BrokerSettings = BrokerSettings()
    journal: JournalSettings = JournalSettings()
    clock: ClockSettings = ClockSettings()
    metrics: MetricsSettings = MetricsSettings()
    serial: tuple[SerialDevice, ...] = ()
    modbus: tuple[ModbusBus, ...] = ()
    mqtt: tuple[MqttSource, ...] = ()
    http: tuple[HttpListener, ...] = ()

    @property
    def sensor_count(self) -> int:
        """How many sensors the gateway reads."""
        several = (*(bus.units for bus in self.modbus), *(listener.sensors for listener in self.http))
        return len(self.serial) + len(self.mqtt) + sum(map(len, several))

    def located_in(self, directory: Path) -> "EdgeConfig":
        """The same with the journal's path and those of certificates taken relative to `directory`."""
        journal = msgspec.structs.replace(self.journal, path=str(directory / self.journal.path))
        broker = self.broker.located_in(directory)
        mqtt = tuple(source.located_in(directory) for source in self.mqtt)
        return msgspec.structs.replace(self, journal=journal, broker=broker, mqtt=mqtt)

    def publishes_to(self, source: MqttSource, environment: Mapping[str, str]) -> BrokerUrl:
        """The broker of a source; the password in `environment` is only for the agent's own. Raises ValueError."""
        if source.url:
            return source.address(source.url)
        return self.broker.address(self.broker.url, environment)

    def sensors(self) -> tuple[Sensor, ...]:
        """What the gateway introduces itself with: what publishes something; raises ValueError."""
        found = [
            _sensor(device, device.protocol, reported)
            for device in self.serial
            if (reported := device.reports())
        ]
        found += [
            _sensor(unit, MODBUS, unit.driver().quantities) for bus in self.modbus for unit in bus.units
        ]
        found += [_sensor(source, f"mqtt-{source.format}", source.reports()) for source in self.mqtt]
        found += [
            _sensor(sensor, PUSH, sensor.quantities or tuple(sensor.names.values()))
            for listener in self.http
            for sensor in listener.sensors
        ]
        return tuple(found)


def _sensor(
    device: SerialDevice | ModbusUnit | MqttSource | HttpSensor, protocol: str, quantities: tuple[str, ...]
) -> Sensor:
    return Sensor(
        device.sensor,
        protocol,
        quantities,
        _expected_s(device),
        device.name,
        device.latitude,
        device.longitude,
    )


def _expected_s(device: SerialDevice | ModbusUnit | MqttSource | HttpSensor) -> float:
    counted = isinstance(device, SerialDevice) and device.aggregate_s
    return float(counted) if counted else device.period_s


def _driver(protocol: str, options: Mapping[str, object]) -> Driver:
    if protocol not in DRIVERS:
        raise ValueError(f"unknown protocol {protocol!r}, {did_you_mean(protocol, DRIVERS)}")
    return DRIVERS[protocol](options)
