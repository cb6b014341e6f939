"""The agent's configuration, checked as a whole before any port opens. `edge.settings` says what it can hold."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from edge.formats.sensor_community import MAX_PIN, NODE
from edge.publishers import DeviceFrom, HttpListener, HttpSensor, MqttSource, PayloadFormat
from edge.settings import (
    BrokerSettings,
    EdgeConfig,
    JournalSettings,
    MetricsSettings,
    ModbusBus,
    ModbusUnit,
    SerialDevice,
)
from edge.volume import shortage
from runtime.brokerurl import Access
from runtime.config import ConfigError, load
from telemetry.inventory import check_id
from telemetry.names import did_you_mean
from telemetry.quantities import QUANTITIES, UnitMismatchError, to_canonical
from telemetry.topics import DEFAULT_ROOT

__all__ = ["EdgeConfig", "check", "load_checked"]

MIN_JOURNAL_MB = 4
REGULATORY_DAYS = 60
MAX_PERIOD_S = DAY_S = 86_400


def check(config: EdgeConfig) -> None:
    """Everything that can be known to be wrong without opening anything; raises ConfigError with the first such line."""
    for complaint in _complaints(config):
        raise ConfigError(complaint)


def load_checked(path: Path) -> EdgeConfig:
    """The configuration at `path`, checked, its journal beside it; raises ConfigError."""
    config = load(path, EdgeConfig)
    try:
        check(config)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None
    return config.located_in(path.parent)


def _complaints(config: EdgeConfig) -> Iterator[str]:
    yield from _bad_id("gateway", config.gateway)
    yield from _bad_id("site.id", config.site.id)
    yield from _bad_place("site", config.site.latitude, config.site.longitude)
    yield from _bad_broker(config.broker)
    yield from _bad_journal(config.journal)
    yield from _bad_clock(config)
    yield from _bad_metrics(config.metrics)
    for index, device in enumerate(config.serial):
        yield from _bad_serial(f"serial[{index}]", device)
    for index, bus in enumerate(config.modbus):
        yield from _bad_bus(f"modbus[{index}]", bus)
    for index, source in enumerate(config.mqtt):
        yield from _bad_source(f"mqtt[{index}]", source)
    for index, listener in enumerate(config.http):
        yield from _bad_listener(f"http[{index}]", listener)
    yield from _twice("sensor", (sensor for sensor in _sensor_ids(config)))
    yield from _twice("http address", [f"{one.listen}:{one.port}" for one in config.http])
    yield from _twice("path", [device.path for device in config.serial] + [bus.path for bus in config.modbus])
    yield from _bad_regulatory(config)


def _bad_regulatory(config: EdgeConfig) -> Iterator[str]:
    """Circular 10/2021/TT-BTNMT: a station keeps at least 60 days. Asked last: it needs a configuration that is good so far."""
    if not config.regulatory:
        return
    if config.journal.keep_days < REGULATORY_DAYS:
        yield f"journal.keep_days {config.journal.keep_days}: a regulatory station keeps at least {REGULATORY_DAYS} days"
    if why := shortage(config):
        yield why


def _sensor_ids(config: EdgeConfig) -> Iterator[str]:
    yield from (device.sensor for device in config.serial)
    yield from (unit.sensor for bus in config.modbus for unit in bus.units)
    yield from (source.sensor for source in config.mqtt)
    yield from (sensor.sensor for listener in config.http for sensor in listener.sensors)


def _twice(what: str, values: Iterable[str]) -> Iterator[str]:
    yield from (
        f"{what} {value!r} is configured twice" for value, count in Counter(values).items() if count > 1
    )


def _bad_id(where: str, identifier: str) -> Iterator[str]:
    try:
        check_id(identifier)
    except ValueError as error:
        yield f"{where}: {error}"


def _bad_place(where: str, latitude: float | None, longitude: float | None) -> Iterator[str]:
    if latitude is not None and not -90 <= latitude <= 90:
        yield f"{where}: latitude {latitude} is outside -90 to 90"
    if longitude is not None and not -180 <= longitude <= 180:
        yield f"{where}: longitude {longitude} is outside -180 to 180"
    if (latitude is None) is not (longitude is None):
        yield f"{where}: latitude and longitude go together"


def _bad_broker(broker: BrokerSettings) -> Iterator[str]:
    yield from _bad_url("broker.url", broker.url, broker)
    levels = broker.root.split("/")
    if not all(level and not set(level) & set("+#. \0") for level in levels):
        yield f"broker.root {broker.root!r} must be levels without + # . or blanks, like {DEFAULT_ROOT!r}"


def _bad_url(where: str, url: str, access: Access) -> Iterator[str]:
    try:
        access.address(url)
    except ValueError as error:
        yield f"{where}: {error}"


def _bad_journal(journal: JournalSettings) -> Iterator[str]:
    if not 1 <= journal.commit_ms <= 10_000:
        yield f"journal.commit_ms {journal.commit_ms} must be 1 to 10000"
    if journal.keep_days < 0:
        yield f"journal.keep_days {journal.keep_days} must not be negative"
    if journal.max_mb < MIN_JOURNAL_MB:
        yield f"journal.max_mb {journal.max_mb} must be at least {MIN_JOURNAL_MB}"


def _bad_clock(config: EdgeConfig) -> Iterator[str]:
    clock = config.clock
    yield from _twice("clock.ladder", clock.ladder)
    if not clock.ladder:
        yield "clock.ladder is empty: nothing could ever date a reading"
    if not 10 <= clock.tolerance_ms <= 60_000:
        yield f"clock.tolerance_ms {clock.tolerance_ms} must be 10 to 60000"
    if not 0 <= clock.settle_s <= 3600:
        yield f"clock.settle_s {clock.settle_s} must be 0 to 3600"
    receivers = [device.sensor for device in config.serial if device.protocol == "nmea0183"]
    if clock.gnss and clock.gnss not in receivers:
        yield f"clock.gnss: no [[serial]] of protocol nmea0183 is the sensor {clock.gnss!r}"


def _bad_metrics(metrics: MetricsSettings) -> Iterator[str]:
    if not metrics.listen:
        yield "metrics.listen must be an address, like 127.0.0.1"
    if not 0 <= metrics.port <= 65535:
        yield f"metrics.port {metrics.port} must be 0 (off) to 65535"


def _bad_device(where: str, device: SerialDevice | ModbusUnit | MqttSource | HttpSensor) -> Iterator[str]:
    yield from _bad_id(f"{where}.sensor", device.sensor)
    yield from _bad_place(where, device.latitude, device.longitude)
    if not 0 <= device.period_s <= MAX_PERIOD_S:
        yield f"{where}: period_s {device.period_s} must be 0 to {MAX_PERIOD_S}"


def _bad_serial(where: str, device: SerialDevice) -> Iterator[str]:
    yield from _bad_device(where, device)
    yield from _bad_line(where, device.baud or 1, device.line or "8N1", device.timeout_s or 1)
    try:
        driver = device.driver()
    except ValueError as error:
        yield f"{where}: {error}"
        return
    if device.aggregate_s and "vehicle_speed" not in driver.quantities:
        yield f"{where}: aggregate_s is for vehicle radars, {device.protocol} reports no vehicle_speed"
    if device.aggregate_s < 0 or (device.aggregate_s and DAY_S % device.aggregate_s):
        yield f"{where}: aggregate_s {device.aggregate_s} must divide a day into equal periods, like 60"
    if device.raw and not device.aggregate_s:
        yield f"{where}: raw goes with aggregate_s, without it every event is published"
    if driver.requests and device.period_s == 0:
        yield f"{where}: a {device.protocol} device is polled, its period_s must be above 0"


def _bad_line(where: str, baud: int, line: str, timeout_s: float) -> Iterator[str]:
    if baud < 1:
        yield f"{where}: baud {baud} must be above 0"
    if not re.fullmatch("[78][NEO][12]", line):
        yield f"{where}: line {line!r} must be data bits, parity and stop bits, like 8N1 or 7E1"
    if not 0 < timeout_s <= 60:
        yield f"{where}: timeout_s {timeout_s} must be above 0 and at most 60"


def _bad_bus(where: str, bus: ModbusBus) -> Iterator[str]:
    yield from _bad_line(where, bus.baud, bus.line, bus.timeout_s)
    if not bus.units:
        yield f"{where}: no [[modbus.unit]] on {bus.path}"
    for index, unit in enumerate(bus.units):
        place = f"{where}.unit[{index}]"
        yield from _bad_device(place, unit)
        if not 1 <= unit.unit <= 247:
            yield f"{place}: unit {unit.unit} must be 1 to 247"
        if unit.period_s == 0:
            yield f"{place}: period_s must be above 0"
        try:
            unit.driver()
        except ValueError as error:
            yield f"{place}: {error}"
    yield from (
        f"{where}: {complaint}" for complaint in _twice("unit", (str(unit.unit) for unit in bus.units))
    )


def _bad_source(where: str, source: MqttSource) -> Iterator[str]:
    yield from _bad_device(where, source)
    if source.url:
        yield from _bad_url(f"{where}.url", source.url, source)
    elif source.files():
        yield f"{where}: {' and '.join(source.files())} go with a url: without one the agent's own broker is meant"
    levels = source.topic.split("/")
    if (
        not source.topic
        or "#" in levels[:-1]
        or any(len(level) > 1 and set(level) & set("+#") for level in levels)
    ):
        yield f"{where}: topic {source.topic!r} is no topic filter"
    yield from _bad_format(where, source)
    yield from _bad_quantities(where, (*source.fields, *source.names.values(), *source.quantities))
    for quantity, field in source.fields.items():
        try:
            to_canonical(quantity, 0.0, field.unit or QUANTITIES[quantity].unit)
        except UnitMismatchError as error:
            yield f"{where}.fields.{quantity}: {error}"
    try:
        source.mapping()
    except ValueError as error:
        yield f"{where}: {error}"


def _bad_quantities(where: str, quantities: Iterable[str]) -> Iterator[str]:
    for quantity in quantities:
        if quantity not in QUANTITIES:
            yield f"{where}: unknown quantity {quantity!r}, {did_you_mean(quantity, QUANTITIES)}"


def _bad_format(where: str, source: MqttSource) -> Iterator[str]:
    """What the source's format needs, and what means nothing to it."""
    given, lorawan = source.format, source.format in (PayloadFormat.CHIRPSTACK, PayloadFormat.TTS)
    if given is PayloadFormat.JSON and not source.fields:
        yield f"{where}: a JSON source needs fields, like fields = {{ temperature = {{ path = 't', unit = 'Cel' }} }}"
    if lorawan and not source.fields:
        yield f"{where}: a {given} source needs fields, paths in what the codec decodes, like co2 = {{ path = 'CO2' }}"
    if given in (PayloadFormat.SENML, PayloadFormat.SENML_CBOR) and (source.fields or source.time):
        yield f"{where}: fields and time are for JSON, a SenML record names itself"
    if given is not PayloadFormat.JSON and source.time:
        yield f"{where}: time is for JSON, {given} knows where it stands"
    if source.names and (lorawan or given is PayloadFormat.JSON):
        yield f"{where}: {given} takes fields, not names"
    if source.zone and given is not PayloadFormat.TASMOTA:
        yield f"{where}: zone is for tasmota, {given} has no local times"
    if source.device and not (lorawan or given in (PayloadFormat.SPARKPLUG, PayloadFormat.SHELLY)):
        yield f"{where}: {given} does not say which device it is, choose it by the topic"
    if source.device_from is DeviceFrom.TOPIC and not (lorawan and source.device):
        yield f"{where}: device_from = 'topic' needs the device of a LoRaWAN source"
    levels = source.topic.split("/")
    if given is PayloadFormat.SPARKPLUG and not _hears_births(levels):
        yield f"{where}: a Sparkplug source must hear births and all of a node, like topic = 'spBv1.0/GROUP/+/NODE/#'"


def _hears_births(levels: list[str]) -> bool:
    """Without all messages of a node and its devices there would be a gap in every sequence."""
    return levels[0] == "spBv1.0" and levels[-1] == "#" and (len(levels) < 4 or levels[2] == "+")


def _bad_listener(where: str, listener: HttpListener) -> Iterator[str]:
    if not listener.listen:
        yield f"{where}: listen must be an address, like 127.0.0.1"
    if not 1 <= listener.port <= 65535:
        yield f"{where}: port {listener.port} must be 1 to 65535"
    if not listener.path.startswith("/") or not listener.path.isascii() or set(listener.path) & set(" ?#"):
        yield f"{where}: path {listener.path!r} must be like /v1/push-sensor-data/"
    if not listener.sensors:
        yield f"{where}: no [[http.sensor]]"
    for index, sensor in enumerate(listener.sensors):
        place = f"{where}.sensor[{index}]"
        yield from _bad_device(place, sensor)
        if not NODE.fullmatch(sensor.node):
            yield f"{place}: node {sensor.node!r} must be like esp8266-1234567"
        if not 0 <= sensor.pin <= MAX_PIN:
            yield f"{place}: pin {sensor.pin} must be 0 to {MAX_PIN}"
        yield from _bad_quantities(place, (*sensor.names.values(), *sensor.quantities))
    nodes = (f"{sensor.node} pin {sensor.pin}" for sensor in listener.sensors)
    yield from (f"{where}: {complaint}" for complaint in _twice("node", nodes))
