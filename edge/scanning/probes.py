"""Questions that tell a polled device from the others. Pure. None of them changes anything on the device that is meant, and none
is a command that changes something on one of the others: tests/edge/scanning/test_probes.py takes each apart with every driver.

What is not here is never sent: no Modbus function but 03 and 04, no SDS011 command that sets, no calibration, no mode,
no address.
"""

from collections.abc import Callable, Sequence
from types import MappingProxyType
from typing import NamedTuple

from edge import registers
from edge.driver import BadFrameError, Decoded, Step, Verdict
from edge.drivers import DRIVERS
from edge.drivers.davis import LOOP, WAKE
from edge.drivers.nova import QUERY
from edge.drivers.plantower import READ
from edge.drivers.sensirion import INFO, to_sensor
from edge.drivers.winsen import READ_CO2
from edge.scanning.found import Found, Options, sample_of
from telemetry.quantities import QUANTITIES

RADAR_VERSION, SPS30_SERIAL = b"?V\r\n", to_sensor(INFO, b"\x03")
SDI12_END, SDI12_WHO = b"!", b"?!"  # what came before ends here, for a sensor that took it for words
SDI12_ADDRESSES = "0123456789"
# The driver wants a name for a value; which one does not matter here.
_NAMED = {"fields": {"water_level": {"path": 0}}}


class Setting(NamedTuple):
    """How a port is opened."""

    baud: int
    line: str = "8N1"


class Probe(NamedTuple):
    """`before` is said first; `ask` is the question; an answer that one of `drivers` (protocol, options) understands and
    `accepts` is its device, configured with `options` and asked every `period_s`."""

    ask: bytes
    drivers: Sequence[str]
    accepts: Callable[[Decoded], bool]
    period_s: float
    wait_s: float = 0.4
    options: Options = MappingProxyType({})
    before: Sequence[Step] = ()


def _has(name: str) -> Callable[[Decoded], bool]:
    return lambda decoded: name in (decoded.fields or {})


def _is_answer(decoded: Decoded) -> bool:
    return True  # a frame with the right checksum that answers this command, if only with an error


def _measures(decoded: Decoded) -> bool:
    return bool(decoded.measurements) or decoded.verdict is Verdict.IGNORE


RADAR = Probe(RADAR_VERSION, ("ops243",), _has("firmware"), 0.0)
PROBES: dict[Setting, tuple[Probe, ...]] = {
    Setting(9600): (
        Probe(READ_CO2, ("mhz19",), _has("co2_ppm"), 5.0),
        Probe(READ, ("pms5003", "pms3003"), _measures, 1.0, options={"mode": "passive"}),
        Probe(QUERY, ("sds011",), _measures, 2.0, wait_s=1.0, options={"mode": "query"}),
    ),
    Setting(115200): (Probe(SPS30_SERIAL, ("sps30",), _is_answer, 1.0),),
    Setting(19200): (
        Probe(LOOP, ("davis-vantage",), _measures, 10.0, 3.0, before=(Step(WAKE), Step(WAKE, 0.6))),
    ),
    Setting(4800): (),
    Setting(2400): (),
    Setting(1200, "7E1"): (),
    Setting(38400): (),
    Setting(57600): (),
}  # fmt: skip
SETTINGS = tuple(PROBES)
RADAR_SETTINGS = (Setting(19200), Setting(115200), Setting(57600))
EVERY = tuple({probe.ask: probe for each in PROBES.values() for probe in each}.values())
SDI12_SETTINGS = (Setting(9600), Setting(1200, "7E1"))
MODBUS_SETTINGS = (Setting(9600), Setting(4800), Setting(19200), Setting(2400))


def understood(probe: Probe, frames: dict[str, bytes], setting: Setting) -> Found | None:
    """The device that gave these answers (by the driver that framed them), if it is one."""
    for protocol in probe.drivers:
        if protocol not in frames:
            continue
        try:
            decoded = DRIVERS[protocol](probe.options).decode(frames[protocol], probe.ask)
        except BadFrameError:
            continue
        if probe.accepts(decoded):
            sample = sample_of(decoded)
            return Found(
                protocol, setting.baud, setting.line, probe.period_s, dict(probe.options), sample=sample
            )
    return None


# SDI-12


def sdi12_driver_options(address: str) -> Options:
    """For a driver that only takes answers apart."""
    return {**_NAMED, "address": address}


def sdi12_found(address: str, setting: Setting, identity: Decoded, values: Sequence[float]) -> Found:
    """A sensor whose values have no names yet."""
    named = identity.fields or {}
    who = " ".join(str(named.get(part, "")) for part in ("vendor", "model") if named.get(part))
    seen = ", ".join(f"{value:g}" for value in values)
    return Found(
        "sdi12",
        setting.baud,
        setting.line,
        10.0,
        {"address": address},
        values=tuple(range(len(values))),
        sample=f"{who}: {seen}" if who else seen,
    )


# Modbus


class Candidate(NamedTuple):
    """A register map that answered, and how well its values fit: `fits` inside their physical ranges, `strays` outside."""

    map: str
    fits: int
    strays: int
    sample: str


def presence_requests(unit: int, maps: Sequence[str]) -> list[bytes]:
    """Questions of which every unit that one of the maps describes answers at least one, if only with an exception."""
    asked: dict[bytes, None] = {}
    for name in maps:
        asked.setdefault(DRIVERS["modbus-rtu"]({"unit": unit, "map": name}).requests[0], None)
    return list(asked)


def judged(name: str, answers: Sequence[Decoded]) -> Candidate | None:
    """How well the answers to all of a map's questions fit it; None when one is an exception or nothing is published."""
    if any(decoded.verdict is Verdict.FLAG for decoded in answers):
        return None
    measured = [one for decoded in answers for one in decoded.measurements]
    fitting = [
        one for one in measured if QUANTITIES[one.quantity].low <= one.value <= QUANTITIES[one.quantity].high
    ]
    alive = sum(one.value != 0 for one in fitting)
    if not alive:
        return None
    first = Decoded(Verdict.ACCEPT, {}, tuple(measured))
    return Candidate(name, alive, len(measured) - len(fitting), sample_of(first))


def modbus_found(unit: int, setting: Setting, candidates: Sequence[Candidate]) -> Found:
    """The unit with the map that fits best; without a map when none does."""
    ranked = sorted(candidates, key=lambda one: (one.strays, -one.fits))
    if not ranked:
        note = "a unit answers, no register map fits: describe it (docs/drivers.md) and give --map"
        return Found("modbus-rtu", setting.baud, setting.line, 2.0, unit=unit, note=note)
    best = ranked[0]
    alike = [one.map for one in ranked[1:] if (one.strays, one.fits) == (best.strays, best.fits)]
    note = f"or {', '.join(alike)}: the same registers" if alike else ""
    return Found(
        "modbus-rtu", setting.baud, setting.line, 2.0, unit=unit, map=best.map, sample=best.sample, note=note
    )


def all_maps(given: Sequence[str]) -> list[str]:
    """The shipped maps and those given as files; raises ValueError for one that cannot be read."""
    for name in given:
        registers.load(name)
    return [*given, *registers.shipped()]
