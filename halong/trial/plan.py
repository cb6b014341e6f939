"""What goes wrong in a trial, and when: faults of sensors, outages of gateways, things that happen in the city. Pure.

Nothing begins while the detectors have seen little (two days, or two fifths of a short trial). A sensor is left alone for half a
day around whatever is done to it; but for ageing, which takes weeks and begins when there was one without.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from random import Random
from types import MappingProxyType
from typing import NamedTuple

from firmware_sim.city import City, DevicePlan, GatewayPlan
from firmware_sim.faults import Fault, FaultKind
from firmware_sim.happenings import Happening, HappeningKind
from firmware_sim.injection import JUMPS
from firmware_sim.model import SPIKES

DAY_S, HOUR_S = 86_400.0, 3600.0
QUIET_S = 2 * DAY_S
APART_S = 12 * HOUR_S
DRAWS = 300
GATEWAY = "gateway"
ONE_READING = 0.0
LASTS_S = {
    FaultKind.SPIKE: ONE_READING,
    FaultKind.STUCK: 3 * HOUR_S,
    FaultKind.JITTER: 3 * HOUR_S,
    FaultKind.RANGE: 600.0,
    FaultKind.RATE: HOUR_S,
    FaultKind.NOISE: HOUR_S,
    FaultKind.DRIFT: 12 * HOUR_S,
    FaultKind.BIAS: 4 * HOUR_S,
    FaultKind.ZERO: HOUR_S,
    FaultKind.UNIT: HOUR_S,
    FaultKind.SILENCE: HOUR_S,
    FaultKind.GAP: 2 * HOUR_S,
    FaultKind.GARBAGE: HOUR_S,
    FaultKind.CLOCK: HOUR_S,
}
AGES = ("pm25", "temperature", "co2")
AGES_TIMES, AGES_FROM_S, AGES_DAYS = 6, 8 * DAY_S, (10.0, 20.0)
OUTAGE_S = HOUR_S
HAPPENS_S = {
    HappeningKind.BURST: 600.0,
    HappeningKind.LEVEL: 4 * HOUR_S,
    HappeningKind.REGIME: 1000 * DAY_S,
    HappeningKind.RHYTHM: 4 * HOUR_S,
}
PLACES = {
    HappeningKind.BURST: (("pm1", "pm25", "pm10"),),
    HappeningKind.LEVEL: (("pm1", "pm25", "pm10"), ("noise_level",), ("temperature",)),
    HappeningKind.REGIME: (("noise_level",), ("pm1", "pm25", "pm10")),
    HappeningKind.RHYTHM: (("noise_level",), ("current", "power")),
}
BEGINS_AT = {"noise_level": 5.5, "current": 17.5}  # hour of the day: before the rush, before the lights go on
# Of the device as such.
WHOLE = (FaultKind.STUCK, FaultKind.SILENCE, FaultKind.GAP, FaultKind.GARBAGE, FaultKind.CLOCK)
# Which may be there, or whose driver refuses it.
AT_ZERO = ("wind_speed", "vehicle_speed", "occupancy", "co2")


class Done(NamedTuple):
    """What was done: the truth that is compared with. `sensor` "" = to a site, `quantities` () = to all of a sensor's."""

    kind: str
    sensor: str
    site: str
    gateway: str
    quantities: tuple[str, ...]
    start_s: float
    end_s: float


class Outage(NamedTuple):
    """A gateway is not heard; what it has read meanwhile is delivered afterwards."""

    gateway: str
    start_s: float
    end_s: float


class Plan(NamedTuple):
    """Times in seconds since the start of the trial; sensors that `joins` names say nothing before theirs."""

    faults: tuple[Fault, ...]
    happenings: tuple[Happening, ...]
    outages: tuple[Outage, ...]
    done: tuple[Done, ...]
    joins: Mapping[str, float] = MappingProxyType({})


def schedule(city: City, *, days: float, seed: int, period_s: float) -> Plan:
    """About twelve of each kind in 30 days, where there are sensors enough."""
    rng = Random(f"{seed}/trial")
    diary = _Diary(city, days * DAY_S, rng)
    times = max(1, round(0.4 * days))
    faults: list[Fault] = []
    happenings: list[Happening] = []
    outages: list[Outage] = []
    for happens in (HappeningKind.BURST, HappeningKind.LEVEL, HappeningKind.REGIME):
        often = times if happens is not HappeningKind.REGIME else max(1, times // 3)
        happenings += _happen(diary, happens, often)
    for _ in range(max(1, times // 2)):
        outages += _outage(diary)
    for kind, lasts_s in LASTS_S.items():
        for _ in range(times):
            faults += _fault(diary, kind, lasts_s or period_s)
    happenings += _happen(diary, HappeningKind.RHYTHM, times)
    faults += _age(diary, happenings, days, Random(f"{seed}/ageing"))
    diary.done.sort(key=lambda one: one.start_s)
    return Plan(tuple(faults), tuple(happenings), tuple(outages), tuple(diary.done))


class _Diary:
    """Who is free when."""

    def __init__(self, city: City, lasts_s: float, rng: Random) -> None:
        self.city, self.lasts_s, self.rng = city, lasts_s, rng
        self.begins_s = min(QUIET_S, 0.4 * lasts_s)
        self.apart_s = min(APART_S, 0.05 * lasts_s)
        self.busy: dict[str, list[tuple[float, float]]] = {}
        self.done: list[Done] = []

    def when(self, sensors: Sequence[str], lasts_s: float, hour: float | None = None) -> float | None:
        """A start at which all of them are left alone, at this `hour` of the day if any; None when this draw finds none."""
        latest = self.lasts_s - min(lasts_s, self.apart_s) - self.apart_s
        if latest <= self.begins_s:
            return None
        start_s = self.rng.uniform(self.begins_s, latest)
        if hour is not None:  # a trial begins at midnight
            start_s = start_s // DAY_S * DAY_S + hour * HOUR_S
            if not self.begins_s <= start_s <= latest:
                return None
        end_s = start_s + min(lasts_s, DAY_S)
        for sensor in sensors:
            for begin, end in self.busy.get(sensor, ()):
                if start_s - self.apart_s < end and begin < end_s + self.apart_s:
                    return None
        for sensor in sensors:
            self.busy.setdefault(sensor, []).append((start_s, end_s))
        return start_s


def _devices(city: City) -> Iterator[tuple[GatewayPlan, DevicePlan]]:
    return ((gateway, device) for gateway in city.gateways for device in gateway.devices)


def _fault(diary: _Diary, kind: FaultKind, lasts_s: float) -> list[Fault]:
    for _ in range(DRAWS):
        gateway, device = diary.rng.choice(list(_devices(diary.city)))
        quantities = concerned(kind, device)
        if not quantities:
            continue
        quantity = diary.rng.choice(quantities)
        start_s = diary.when([device.sensor], lasts_s)
        if start_s is not None:
            of = (quantity,) if quantity else ()
            done = Done(kind, device.sensor, gateway.site.id, gateway.id, of, start_s, start_s + lasts_s)
            diary.done.append(done)
            return [Fault(device.sensor, kind, start_s, lasts_s, quantity)]
    return []


def concerned(kind: FaultKind, device: DevicePlan) -> list[str | None]:
    """The quantities of a device that such a fault can be put into, None = all at once; empty where it cannot."""
    if device.replay or not _speaks(kind, device):
        return []
    fits = _FITS.get(kind, _jumps)
    return [None] if kind in WHOLE else [one for one in device.quantities if fits(one)]


def _speaks(kind: FaultKind, device: DevicePlan) -> bool:
    """Whether this can happen to it, and to be found it must have a period."""
    if kind is FaultKind.CLOCK:
        return device.link == "mqtt"
    if kind is FaultKind.GARBAGE and device.link != "serial":
        return False
    return device.period_s > 0


def _outage(diary: _Diary) -> list[Outage]:
    for _ in range(DRAWS):
        gateway = diary.rng.choice(diary.city.gateways)
        start_s = diary.when([device.sensor for device in gateway.devices], OUTAGE_S)
        if start_s is not None:
            end_s = start_s + OUTAGE_S
            diary.done.append(Done(GATEWAY, "", gateway.site.id, gateway.id, (), start_s, end_s))
            return [Outage(gateway.id, start_s, end_s)]
    return []


def _happen(diary: _Diary, kind: HappeningKind, times: int) -> list[Happening]:
    found: list[Happening] = []
    for number in range(times):
        quantities = PLACES[kind][number % len(PLACES[kind])]
        hour = BEGINS_AT[quantities[0]] if kind is HappeningKind.RHYTHM else None
        for _ in range(DRAWS):
            gateway = diary.rng.choice(diary.city.gateways)
            there = [one.sensor for one in gateway.devices if set(quantities) & set(one.quantities)]
            start_s = diary.when(there, HAPPENS_S[kind], hour) if there else None
            if start_s is not None:
                lasts_s = HAPPENS_S[kind]
                told_s = min(lasts_s, DAY_S)
                diary.done.append(
                    Done(kind, "", gateway.site.id, gateway.id, quantities, start_s, start_s + told_s)
                )
                found.append(Happening(gateway.site.id, kind, quantities, start_s, lasts_s))
                break
    return found


def _age(diary: _Diary, happenings: Sequence[Happening], days: float, rng: Random) -> list[Fault]:
    """Sensors to which little else is done, where no other level began; each at a place of its own. None in a short trial."""
    longest = days - 1 - AGES_FROM_S / DAY_S
    aged: list[Fault] = []
    used: set[tuple[str, str]] = set()
    for number in range(AGES_TIMES if longest >= AGES_DAYS[0] else 0):
        quantity = AGES[number % len(AGES)]
        levels = {
            one.site for one in happenings if one.kind is HappeningKind.REGIME and quantity in one.quantities
        }
        fit = [
            (len(diary.busy.get(device.sensor, ())), rng.random(), gateway, device)
            for gateway, device in _devices(diary.city)
            if quantity in device.quantities
            and (gateway.id, quantity) not in used
            and gateway.site.id not in levels
        ]
        if not fit:
            continue
        _, _, gateway, device = min(fit, key=lambda one: one[:2])
        used.add((gateway.id, quantity))
        lasts_s = rng.uniform(AGES_DAYS[0], min(AGES_DAYS[1], longest)) * DAY_S
        start_s = rng.uniform(AGES_FROM_S, days * DAY_S - DAY_S - lasts_s)
        done = Done(
            FaultKind.AGEING,
            device.sensor,
            gateway.site.id,
            gateway.id,
            (quantity,),
            start_s,
            start_s + lasts_s,
        )
        diary.done.append(done)
        aged.append(Fault(device.sensor, FaultKind.AGEING, start_s, lasts_s, quantity))
    return aged


def _jumps(quantity: str) -> bool:
    """Of the three sizes of particles one sensor derives the finest from the next: it is no series of its own."""
    return quantity in SPIKES and quantity != "pm1"


_FITS: dict[FaultKind, Callable[[str], bool]] = {
    FaultKind.RATE: lambda quantity: quantity in JUMPS,
    FaultKind.ZERO: lambda quantity: quantity in SPIKES and quantity not in AT_ZERO,
}
