"""The plan of a simulated Hạ Long: which gateways stand where, and what hangs on each. Pure, and the same for the same seed.

Places are approximate (± 500 m), good for a demonstration and not for a map of record.
"""

from collections.abc import Mapping
from random import Random
from typing import Literal, NamedTuple

from firmware_sim.faults import Fault, FaultKind
from telemetry.inventory import Site

MAX_GATEWAYS = 12
_SITES = (
    Site("cau-bai-chay", "Cầu Bãi Cháy", 20.959, 107.066, "bridge"),
    Site("bai-chay", "Bãi Cháy", 20.953, 107.043, "beach"),
    Site("hon-gai", "Hòn Gai", 20.950, 107.085, "centre"),
    Site("hong-ha", "Hồng Hà", 20.951, 107.112, "administration"),
    Site("ha-tu", "Hà Tu", 20.961, 107.151, "mining"),
    Site("cai-lan", "Cái Lân", 20.971, 107.046, "port"),
    Site("cao-xanh", "Cao Xanh", 20.964, 107.083, "homes"),
    Site("ha-khanh", "Hà Khánh", 20.984, 107.106, "industry"),
    Site("gieng-day", "Giếng Đáy", 20.972, 107.016, "industry"),
    Site("ha-khau", "Hà Khẩu", 20.974, 106.986, "roads"),
    Site("tuan-chau", "Tuần Châu", 20.928, 106.990, "island"),
    Site("hung-thang", "Hùng Thắng", 20.951, 107.008, "homes"),
)

CABINET = {"voltage": ("u", "V"), "current": ("i", "A"), "power": ("p", "kW"), "energy": ("meter.wh", "Wh")}
LOOP = {"occupancy": ("occ", "%"), "vehicle_speed": ("v", "mi/h")}
STATION = (
    "wind_speed", "wind_direction", "humidity", "temperature", "noise_level",
    "pm25", "pm10", "pressure", "illuminance", "rain",
)  # fmt: skip


class DevicePlan(NamedTuple):
    """One sensor. `fields` says where an mqtt-json payload holds each quantity: (path, SenML unit)."""

    sensor: str
    name: str
    protocol: str
    link: Literal["serial", "mqtt"]
    quantities: tuple[str, ...]
    period_s: float
    topic: str = ""
    fields: Mapping[str, tuple[str, str]] = {}
    replay: bool = False


class GatewayPlan(NamedTuple):
    """One gateway, its place and its sensors."""

    id: str
    site: Site
    devices: tuple[DevicePlan, ...]


class City(NamedTuple):
    """The whole plan; `seed` also drives what the sensors measure."""

    seed: int
    gateways: tuple[GatewayPlan, ...]


def plan(seed: int, gateways: int = MAX_GATEWAYS) -> City:
    """The first `gateways` (1 to 12) places of Hạ Long, five sensors each."""
    if not 1 <= gateways <= MAX_GATEWAYS:
        raise ValueError(f"the simulated city has 1 to {MAX_GATEWAYS} gateways, not {gateways}")
    return City(seed, tuple(_gateway(index, site) for index, site in enumerate(_SITES[:gateways])))


def demo_faults(seed: int, gateways: int = MAX_GATEWAYS) -> list[Fault]:
    """Four kinds of faults in the first minutes, each on a sensor of its own where there are enough of them."""
    rng = Random(seed)
    devices = [device for gateway in plan(seed, gateways).gateways for device in gateway.devices]
    particles = [device.sensor for device in devices if device.protocol == "pms5003"]
    polled = [device.sensor for device in devices if device.protocol == "mhz19"]
    stations = [device.sensor for device in devices if device.protocol == "modbus-rtu"]
    return [
        Fault(particles[0], FaultKind.GARBAGE, 6.0, 4.0),
        Fault(rng.choice(polled or stations), FaultKind.SILENCE, 12.0, 25.0),
        Fault(rng.choice(stations), FaultKind.STUCK, 20.0, 150.0),
        Fault(rng.choice(particles[1:] or particles), FaultKind.SPIKE, 45.0, 6.0),
    ]


def _gateway(index: int, site: Site) -> GatewayPlan:
    gateway = f"gw-{site.id}"
    kinds = _KINDS[site.kind]
    numbered: dict[str, int] = {}
    devices = []
    for kind in kinds:
        numbered[kind] = numbered.get(kind, 0) + 1
        devices.append(_device(gateway, site, kind, numbered[kind]))
    if index == 1:  # one loop detector replays a recorded road
        devices[-1] = _device(gateway, site, "loop", 1)
    return GatewayPlan(gateway, site, tuple(devices))


def _device(gateway: str, site: Site, kind: str, number: int) -> DevicePlan:
    sensor = f"{site.id}-{kind}-{number}"
    topic = f"street/{gateway}/{sensor}"
    match kind:
        case "pm":
            return DevicePlan(
                sensor, f"Bụi mịn, {site.name}", "pms5003", "serial", ("pm1", "pm25", "pm10"), 1.0
            )
        case "co2":
            return DevicePlan(
                sensor, f"CO₂, {site.name}", "mhz19", "serial", ("co2", "device_temperature"), 2.0
            )
        case "radar":
            return DevicePlan(
                sensor, f"Ra đa giao thông {number}, {site.name}", "ops243", "serial", ("vehicle_speed",), 0.0
            )
        case "air":
            return DevicePlan(
                sensor, f"Trạm khí tượng và ồn, {site.name}", "modbus-rtu", "serial", STATION, 2.0
            )
        case "power":
            return DevicePlan(
                sensor, f"Tủ điện, {site.name}", "mqtt-json", "mqtt", tuple(CABINET), 2.0, topic, CABINET
            )
        case "meteo":
            climate = ("temperature", "humidity", "pressure")
            return DevicePlan(sensor, f"Khí tượng, {site.name}", "mqtt-senml", "mqtt", climate, 2.0, topic)
        case "loop":
            name = f"Vòng từ, {site.name} (chuỗi đã ghi)"
            return DevicePlan(sensor, name, "mqtt-json", "mqtt", tuple(LOOP), 1.0, topic, LOOP, replay=True)
    raise ValueError(f"no device of kind {kind!r}")


_KINDS = {
    "bridge": ("radar", "radar", "air", "power", "pm"),
    "beach": ("pm", "air", "meteo", "co2", "power"),
    "centre": ("pm", "co2", "air", "radar", "power"),
    "administration": ("pm", "co2", "air", "meteo", "power"),
    "mining": ("pm", "pm", "air", "meteo", "power"),
    "port": ("pm", "air", "radar", "power", "meteo"),
    "homes": ("pm", "co2", "air", "meteo", "power"),
    "industry": ("pm", "co2", "air", "power", "meteo"),
    "roads": ("radar", "radar", "pm", "air", "power"),
    "island": ("pm", "co2", "air", "meteo", "power"),
}
