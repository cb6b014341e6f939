"""From the plan of a simulated city to the configuration files of its gateways."""

from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from edge.publishers import FieldPath, MqttSource, PayloadFormat
from edge.settings import (
    BrokerSettings,
    ClockSettings,
    EdgeConfig,
    ModbusBus,
    ModbusUnit,
    SerialDevice,
    Trust,
)
from firmware_sim.city import City, DevicePlan, GatewayPlan

MODBUS_MAP = "air-station"


def write_gateways(
    city: City,
    directory_of: Callable[[str], Path],
    *,
    ports: Path,
    broker: str,
    root: str,
    uplinks: Mapping[str, str] = {},
) -> None:
    """One `edge.toml` in each gateway's directory; serial devices are found as links below `ports`.

    A gateway in `uplinks` sends its packs to that broker; its MQTT devices stay on the common one.
    """
    for gateway in city.gateways:
        directory = directory_of(gateway.id)
        directory.mkdir(parents=True, exist_ok=True)
        config = edge_config(gateway, ports=ports, broker=broker, root=root, uplink=uplinks.get(gateway.id))
        (directory / "edge.toml").write_bytes(msgspec.toml.encode(config))


def edge_config(
    gateway: GatewayPlan, *, ports: Path, broker: str, root: str, uplink: str | None = None
) -> EdgeConfig:
    """What the agent of this gateway has to know."""
    serial = [device for device in gateway.devices if device.link == "serial"]
    return EdgeConfig(
        gateway=gateway.id,
        site=gateway.site,
        broker=BrokerSettings(url=uplink or broker, root=root),
        clock=ClockSettings(trust=Trust.SYSTEM),  # sensors, gateways and hub are on one host
        serial=tuple(_serial(device, ports) for device in serial if device.protocol != "modbus-rtu"),
        modbus=tuple(_bus(device, ports) for device in serial if device.protocol == "modbus-rtu"),
        mqtt=tuple(
            _source(device, broker if uplink else "") for device in gateway.devices if device.link == "mqtt"
        ),
    )


def _serial(device: DevicePlan, ports: Path) -> SerialDevice:
    return SerialDevice(
        path=str(ports / device.sensor),
        protocol=device.protocol,
        sensor=device.sensor,
        name=device.name,
        period_s=device.period_s,
    )


def _bus(device: DevicePlan, ports: Path) -> ModbusBus:
    unit = ModbusUnit(
        unit=1, map=MODBUS_MAP, sensor=device.sensor, name=device.name, period_s=device.period_s
    )
    return ModbusBus(path=str(ports / device.sensor), units=(unit,))


def _source(device: DevicePlan, url: str) -> MqttSource:
    json = device.protocol == "mqtt-json"
    return MqttSource(
        topic=device.topic,
        url=url,
        sensor=device.sensor,
        format=PayloadFormat.JSON if json else PayloadFormat.SENML,
        name=device.name,
        period_s=device.period_s,
        fields={quantity: FieldPath(path=path, unit=unit) for quantity, (path, unit) in device.fields.items()}
        if json
        else {},
        time="t" if json else "",
        quantities=() if json else device.quantities,
    )
