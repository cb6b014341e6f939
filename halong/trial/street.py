"""The city's sensors in virtual time: what each gateway sends to the hub, step by step. Pure, and the same for a seed.

The simulator's own model, happenings and faults, without bytes on a wire: a reading has the resolution that its sensor has.
Every sensor speaks once a step. One pack in a hundred is delivered twice.
"""

from collections.abc import Iterator, Sequence
from random import Random
from typing import NamedTuple

from firmware_sim import replay
from firmware_sim.city import City, DevicePlan, GatewayPlan
from firmware_sim.device import Emission
from firmware_sim.devices.payloads import Recording
from firmware_sim.happenings import lived
from firmware_sim.injection import Injector, step
from firmware_sim.model import Model
from halong.trial.plan import DAY_S, Plan
from ingest.batch import Packet
from telemetry.inventory import Sensor
from telemetry.messages import Birth
from telemetry.packs import encode_pack
from telemetry.reading import Reading
from telemetry.topics import PackName, up

ROOT = "halong/v1"
START_S = 1_793_379_600  # 2026-10-31 00:00 in Hạ Long
AGAIN = 0.01  # of the packs come a second time
BACKLOG_PACKS = 10  # of a gateway that is back, a step
PASSES = 0.7  # of the steps a radar sees somebody
Readings = list[list[Reading]]  # of one sensor, by step


class Sent(NamedTuple):
    """What reaches the hub by `at_ms`, and which gateways are alive then."""

    at_ms: int
    packets: list[Packet]
    alive: list[str]


def births(city: City, period_s: float) -> list[Birth]:
    """How the gateways introduce themselves."""
    found = []
    for gateway in city.gateways:
        sensors = tuple(
            Sensor(one.sensor, one.protocol, one.quantities, period_s if one.period_s else 0.0, one.name)
            for one in gateway.devices
        )
        found.append(Birth(gateway.id, gateway.site, sensors, (1, 1), START_S * 1000))
    return found


class Street:
    """`sent` tells it all in order."""

    def __init__(self, city: City, plan: Plan, *, period_s: float) -> None:
        self._city, self._plan, self._period = city, plan, period_s
        self._model = Model(city.seed)
        self._rng = Random(f"{city.seed}/street")
        self._seq = dict.fromkeys((gateway.id for gateway in city.gateways), 0)
        self._kept: dict[str, list[Packet]] = {}  # by gateways that are not heard
        self._sensors = [
            _Device(gateway, device, plan, self._model, city.seed, period_s)
            for gateway in city.gateways
            for device in gateway.devices
        ]

    def sent(self, days: float) -> Iterator[Sent]:
        """Step by step."""
        steps = round(days * DAY_S / self._period)
        a_day = round(DAY_S / self._period)
        for first in range(0, steps, a_day):
            count = min(a_day, steps - first)
            spoken = [(one, one.day(first, count)) for one in self._sensors]
            for number in range(count):
                yield self._step(first + number, [(one, readings[number]) for one, readings in spoken])

    def _step(self, number: int, spoken: Sequence[tuple["_Device", list[Reading]]]) -> Sent:
        end_s = (number + 1) * self._period
        at_ms = round((START_S + end_s) * 1000)
        gathered: dict[str, list[Reading]] = {gateway.id: [] for gateway in self._city.gateways}
        for device, readings in spoken:
            gathered[device.gateway.id] += readings
        packets: list[Packet] = []
        alive: list[str] = []
        for gateway in self._city.gateways:
            packet = self._pack(gateway, gathered[gateway.id], at_ms)
            dead = any(
                one.gateway == gateway.id and one.start_s <= end_s < one.end_s for one in self._plan.outages
            )
            kept = self._kept.setdefault(gateway.id, [])
            if dead:
                kept += packet
                continue
            alive.append(gateway.id)
            packets += packet
            packets += [one._replace(arrived_ms=at_ms) for one in kept[:BACKLOG_PACKS]]
            del kept[:BACKLOG_PACKS]
            if packet and self._rng.random() < AGAIN:
                kept += packet
        return Sent(at_ms, packets, alive)

    def _pack(self, gateway: GatewayPlan, readings: Sequence[Reading], at_ms: int) -> list[Packet]:
        if not readings:
            return []
        name = PackName(gateway.id, "0001", self._seq[gateway.id])
        self._seq[gateway.id] += 1
        payload = encode_pack(gateway.site.id, readings)
        return [Packet(up(ROOT, gateway.site.id, name), payload, at_ms)]


class _Device:
    """One sensor of the plan."""

    def __init__(
        self, gateway: GatewayPlan, device: DevicePlan, plan: Plan, model: Model, seed: int, period_s: float
    ) -> None:
        self.gateway, self._plan, self._model, self._period = gateway, device, model, period_s
        self._rng = Random(f"{seed}/{device.sensor}")
        self._offset = round(period_s - self._rng.uniform(1.0, min(50.0, period_s)), 3)
        self._faults = [one for one in plan.faults if one.sensor == device.sensor]
        self._happenings = [
            one
            for one in plan.happenings
            if one.site == gateway.site.id and set(one.quantities) & set(device.quantities)
        ]
        self._joins_s = plan.joins.get(device.sensor, 0.0)
        self._injector = Injector(device.sensor, self._faults, start_s=START_S, rng=self._rng)
        series = {quantity: replay.load(quantity) for quantity in device.quantities} if device.replay else {}
        self._recording = Recording(series, start_s=START_S + self._offset, period_s=period_s)

    def day(self, first: int, count: int) -> Readings:
        """What it says in `count` steps from `first` on."""
        times = [START_S + number * self._period + self._offset for number in range(first, first + count)]
        device, kind = self._plan, self.gateway.site.kind
        if device.replay:
            columns = {one: [self._recording.measure(one, at) for at in times] for one in device.quantities}
        else:
            columns = {one: self._model.values(device.sensor, kind, one, times) for one in device.quantities}
        row = 0

        def clean(quantity: str, at_s: float) -> float:
            return columns[quantity][row]

        def typical(quantity: str, at_s: float) -> float:
            return self._model.typical(device.sensor, kind, quantity, at_s)

        measure = self._injector.wrap(lived(clean, self._happenings, start_s=START_S, typical=typical))
        told: Readings = []
        for row, at_s in enumerate(times):  # `clean` looks at it
            strange = self._strange(at_s)
            values = [
                (one, _rounded(one, measure(one, at_s) if strange else columns[one][row]))
                for one in device.quantities
            ]
            if at_s - START_S < self._joins_s or (not device.period_s and self._rng.random() >= PASSES):
                values = []
            if strange:
                emissions = self._injector.spoil([Emission(b"\0" * 32, tuple(values))], at_s)
                values = [reading for emission in emissions for reading in emission.readings]
                at_s = self._injector.clock_s(at_s) if device.link == "mqtt" else at_s
            at_ms = round(at_s * 1000)
            told.append([Reading(device.sensor, quantity, at_ms, value) for quantity, value in values])
        return told

    def _strange(self, at_s: float) -> bool:
        """Whether anything is the matter now, or was at the reading before."""
        since = at_s - START_S
        spans = [(one.start_s, one.duration_s) for one in self._faults]
        spans += [(one.start_s, one.duration_s) for one in self._happenings]
        return any(start_s <= since < start_s + lasts_s + self._period for start_s, lasts_s in spans)


def _rounded(quantity: str, value: float) -> float:
    smallest = step(quantity)
    return round(value) * 1.0 if smallest == 1.0 else round(round(value / smallest) * smallest, 6)
