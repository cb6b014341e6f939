"""A device of the simulated city and what its gateway's configuration makes of it: what it says, and what is understood."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest

from edge.driver import BadFrameError, Driver, Measurement, Verdict
from edge.payloads import JsonMapping, SenmlMapping
from edge.settings import EdgeConfig
from firmware_sim import replay
from firmware_sim.city import DevicePlan, GatewayPlan, plan
from firmware_sim.device import Device, Emission, Measure
from firmware_sim.devices.air_station import AirStation
from firmware_sim.devices.mhz19 import MhZ19
from firmware_sim.devices.ops243 import Ops243
from firmware_sim.devices.payloads import JsonPublisher, Recording, SenmlPublisher
from firmware_sim.devices.pms5003 import Pms5003
from firmware_sim.faults import Fault
from firmware_sim.injection import Injector
from firmware_sim.model import Model
from halong.street import edge_config

TURNS = 12  # emissions or polling rounds looked at

Values = list[tuple[str, float]]
Understand = Callable[[bytes], Values]


class Wired(NamedTuple):
    """A device of the city and what its gateway's configuration makes of it."""

    device: Device
    requests: tuple[bytes, ...]
    driver: Driver | None
    understand: Understand | None  # a published payload
    period_s: float


def settings_of(gateway: GatewayPlan) -> EdgeConfig:
    return edge_config(gateway, ports=Path("/ports"), broker="mqtt://127.0.0.1", root="halong/v1")


def places(protocol: str) -> list[tuple[GatewayPlan, DevicePlan]]:
    return [(g, d) for g in plan(1).gateways for d in g.devices if d.protocol == protocol]


def wired(
    protocol: str, seed: int, start_s: float, *, faults: Sequence[Fault] = ()
) -> tuple[Wired, Injector]:
    """A device that hangs somewhere in the city, chosen by the seed, begun at `start_s`."""
    rng = Random(seed)
    gateway, planned = rng.choice(places(protocol))
    injector = Injector(planned.sensor, faults, start_s=start_s, rng=rng)
    model, kind = Model(seed), gateway.site.kind
    measure = injector.wrap(lambda quantity, at_s: model.value(planned.sensor, kind, quantity, at_s))
    device = built(planned, measure, lambda second: model.passes(planned.sensor, kind, second), start_s)
    config = settings_of(gateway)
    serial = {one.sensor: one for one in config.serial} | {
        u.sensor: u for bus in config.modbus for u in bus.units
    }
    if planned.sensor in serial:
        driver = serial[planned.sensor].driver()
        return Wired(device, driver.requests, driver, None, planned.period_s or 1.0), injector
    (source,) = (one for one in config.mqtt if one.sensor == planned.sensor)
    return Wired(device, (), None, understanding(source.mapping()), planned.period_s), injector


def built(
    planned: DevicePlan,
    measure: Measure,
    passes: Callable[[int], Sequence[tuple[float, float]]],
    start_s: float,
) -> Device:
    match planned.protocol:
        case "pms5003":
            return Pms5003(measure, start_s=start_s, period_s=planned.period_s)
        case "mhz19":
            return MhZ19(measure)
        case "ops243":
            return Ops243(passes, start_s=start_s)
        case "modbus-rtu":
            return AirStation(measure)
        case "mqtt-senml":
            return SenmlPublisher(
                measure, planned.sensor, planned.quantities, start_s=start_s, period_s=planned.period_s
            )
    if planned.replay:
        series = {quantity: replay.load(quantity) for quantity in planned.quantities}
        measure = Recording(series, start_s=start_s, period_s=planned.period_s).measure
    return JsonPublisher(measure, planned.fields, start_s=start_s, period_s=planned.period_s)


def understanding(mapping: JsonMapping | SenmlMapping) -> Understand:
    def understand(payload: bytes) -> Values:
        found = mapping.decode(payload) if isinstance(mapping, JsonMapping) else mapping.decode(payload, 0)
        assert all(dated.time_ms is not None and not dated.flags for dated in found)
        return [(dated.quantity, dated.value) for dated in found]

    return understand


def spoken(device: Device, start_s: float, turns: int = TURNS) -> Iterator[tuple[float, list[Emission]]]:
    """What a free-running device says in its next turns, and when: some turns (a road without vehicles) say nothing."""
    for _ in range(40 * turns):
        now_s = max(start_s, device.due_s)
        if emissions := device.emit(now_s):
            yield now_s, emissions
            turns -= 1
        if not turns:
            return


def chunks(stream: bytes, rng: Random | None) -> Iterator[bytes]:
    """The stream whole (no rng), or in pieces of 1 to 9 bytes."""
    while stream:
        size = rng.randint(1, 9) if rng else len(stream)
        yield stream[:size]
        stream = stream[size:]


def decoded(
    driver: Driver, stream: bytes, request: bytes | None, rng: Random | None, *, first: bool = False
) -> Values:
    """What the driver publishes of a stream; of an answer (`first`) one frame is taken, as the agent does."""
    framer = driver.framer(request)
    found = [frame for chunk in chunks(stream, rng) for frame in framer.feed(chunk)]
    values: Values = []
    for frame in found[:1] if first else found:
        try:
            answer = driver.decode(frame.data, request)
        except BadFrameError:
            continue
        if answer.verdict is Verdict.ACCEPT:
            values += taken(answer.measurements)
    return values


def taken(measurements: Iterable[Measurement]) -> Values:
    return [(m.quantity, m.value) for m in measurements]


def said(emissions: Iterable[Emission]) -> Values:
    return [reading for emission in emissions for reading in emission.readings]


def assert_same(found: Values, told: Values) -> None:
    assert [quantity for quantity, _ in found] == [quantity for quantity, _ in told]
    assert [value for _, value in found] == pytest.approx([value for _, value in told], rel=1e-9, abs=1e-9)
