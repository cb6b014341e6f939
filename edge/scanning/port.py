"""Scanning one port: open it at each line setting, listen, then ask what may be asked. Nothing is ever set."""

import asyncio
import os
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import NamedTuple

from edge import holders
from edge.driver import BadFrameError, Decoded, Framer, Verdict
from edge.drivers import DRIVERS
from edge.line import Line, PortLostError
from edge.scanning import probes
from edge.scanning.ear import Ear
from edge.scanning.found import Found
from edge.scanning.probes import Candidate, Probe, Setting

EXTRA_S = 5.0  # something fits: wait for a second frame, or for the end of its warm-up
UNIT_S = 0.15  # a Modbus unit answers within a few milliseconds; slow ones take a hundred
SDI12_S = 0.4
WAKE_S = 0.6
GAP_S = 0.02


class Outcome(StrEnum):
    """What became of a port."""

    FOUND = "found"
    SILENT = "silent"  # nothing was heard at any setting
    UNKNOWN = "unknown"  # bytes came, and nothing here understands them
    HELD = "held"  # another program has it
    AWAY = "away"  # it cannot be opened


class Report(NamedTuple):
    """A port after its scan. `detail` says who holds it, or why it cannot be opened; `heard` counts bytes."""

    path: str
    outcome: Outcome
    found: tuple[Found, ...] = ()
    detail: str = ""
    heard: int = 0


class Plan(NamedTuple):
    """How long to listen at each setting, which Modbus addresses and maps to try."""

    listen_s: float
    units: Sequence[int]
    maps: Sequence[str]


class PortScan:
    """`tell` hears what is being done, and how far it is from 0 to 1."""

    def __init__(
        self, path: str, plan: Plan, *, clock: Callable[[], int], tell: Callable[[str, float], None]
    ) -> None:
        self._path, self._plan, self._clock, self._tell = path, plan, clock, tell
        self._heard = 0
        # a pseudo-terminal has no line setting: it carries what is written, whatever both ends have set
        self._is_pty = os.path.realpath(path).startswith("/dev/pts/")

    async def run(self) -> Report:
        """Everything that is found on the port."""
        try:
            found = await self._scan()
        except PortLostError as error:
            holder = holders.of_port(self._path)
            if holder is not None:
                return Report(self._path, Outcome.HELD, detail=str(holder))
            held = "another program" in str(error)
            return Report(self._path, Outcome.HELD if held else Outcome.AWAY, detail=str(error))
        if found:
            return Report(self._path, Outcome.FOUND, tuple(found), heard=self._heard)
        return Report(self._path, Outcome.UNKNOWN if self._heard else Outcome.SILENT, heard=self._heard)

    async def _scan(self) -> list[Found]:
        """Listen at every setting before anything is said: only a radar, which takes any two letters for a command, is asked
        for its version meanwhile. Then ask."""
        settings = [Setting(9600)] if self._is_pty else list(probes.SETTINGS)
        for number, setting in enumerate(settings):
            self._tell(f"{setting.baud} {setting.line}: listening", 0.5 * number / len(settings))
            async with Line.open(self._path, setting.baud, self._clock, setting.line) as line:
                if found := await self._listen(line, setting):
                    return [found]
                radar = self._is_pty or setting in probes.RADAR_SETTINGS
                if radar and (found := await self._probe(line, probes.RADAR, setting)):
                    return [self._at_its_rate(found)]
        for number, setting in enumerate(settings):
            self._tell(f"{setting.baud} {setting.line}: asking", 0.5 + 0.5 * number / len(settings))
            async with Line.open(self._path, setting.baud, self._clock, setting.line) as line:
                before = self._heard
                if several := await self._ask_all(line, setting):
                    return several
                if self._heard > before and (found := await self._listen(line, setting)):
                    return [found]  # it spoke while it was asked something else
        return []

    async def _listen(self, line: Line, setting: Setting) -> Found | None:
        ear, loop = Ear(setting.baud, setting.line), asyncio.get_running_loop()
        until, last = loop.time() + self._plan.listen_s, loop.time() + self._plan.listen_s + EXTRA_S
        while (now := loop.time()) < (last if ear.hopeful else until):
            chunk = await line.read((last if ear.hopeful else until) - now)
            if chunk is None:
                continue
            ear.feed(chunk.data, chunk.at_ms)
            if (found := ear.found()) is not None and (not found.values or now >= until):
                return self._at_its_rate(found)
        self._heard += ear.heard
        found = ear.found()
        return self._at_its_rate(found) if found is not None else None

    def _at_its_rate(self, found: Found) -> Found:
        return found._replace(baud=0, line="") if self._is_pty else found

    async def _ask_all(self, line: Line, setting: Setting) -> list[Found]:
        for probe in probes.EVERY if self._is_pty else probes.PROBES[setting]:
            if (found := await self._probe(line, probe, setting)) is not None:
                return [self._at_its_rate(found)]
        speaks_sdi12 = self._is_pty or setting in probes.SDI12_SETTINGS
        if speaks_sdi12 and (sensors := await self._sdi12(line, setting)):
            return [self._at_its_rate(one) for one in sensors]
        if self._is_pty or setting in probes.MODBUS_SETTINGS:
            return [self._at_its_rate(one) for one in await self._modbus(line, setting)]
        return []

    async def _probe(self, line: Line, probe: Probe, setting: Setting) -> Found | None:
        for step in probe.before:
            await line.idle(step.after_s)
            if step.data:
                line.write(step.data)
        if probe.before and await line.read(WAKE_S) is None:
            return None  # nobody woke
        framers = {protocol: DRIVERS[protocol](probe.options).framer(probe.ask) for protocol in probe.drivers}
        return probes.understood(probe, await self._answers(line, probe.ask, framers, probe.wait_s), setting)

    async def _answers(
        self, line: Line, ask: bytes, framers: dict[str, Framer], wait_s: float
    ) -> dict[str, bytes]:
        """The first frame of each framer that comes in time after the question; ends with the first."""
        loop = asyncio.get_running_loop()
        line.drop_input()
        line.write(ask)
        until, found = loop.time() + wait_s, dict[str, bytes]()
        while not found and (chunk := await line.read(max(0.0, until - loop.time()))) is not None:
            self._heard += len(chunk.data)
            for protocol, framer in framers.items():
                if frames := framer.feed(chunk.data):
                    found[protocol] = frames[0].data
        await line.idle(GAP_S)
        return found

    async def _sdi12(self, line: Line, setting: Setting) -> list[Found]:
        """Sensors on an SDI-12 adapter: asked who is there, then each address that may be one."""
        line.write(probes.SDI12_END)
        await line.idle(SDI12_S)
        line.drop_input()
        line.write(probes.SDI12_WHO)
        if await line.read(SDI12_S) is None:
            return []
        await line.idle(GAP_S)
        found = []
        for address in probes.SDI12_ADDRESSES:
            identity = await self._sdi12_ask(line, address, f"{address}I!")
            if identity is not None:
                values = await self._sdi12_values(line, address)
                found.append(probes.sdi12_found(address, setting, identity, values))
        return found

    async def _sdi12_values(self, line: Line, address: str) -> list[float]:
        ready = await self._sdi12_ask(line, address, f"{address}M!")
        if ready is None or ready.fields is None or "ready_s" not in ready.fields:
            return []
        await line.idle(float(ready.fields["ready_s"]) + GAP_S)
        data = await self._sdi12_ask(line, address, f"{address}D0!")
        return list((data.fields or {}).get("values", [])) if data is not None else []

    async def _sdi12_ask(self, line: Line, address: str, question: str) -> Decoded | None:
        driver, ask = DRIVERS["sdi12"](probes.sdi12_driver_options(address)), question.encode()
        frames = await self._answers(line, ask, {"sdi12": driver.framer(ask)}, SDI12_S)
        try:
            return driver.decode(frames["sdi12"], ask)
        except (KeyError, BadFrameError):
            return None

    async def _modbus(self, line: Line, setting: Setting) -> list[Found]:
        """Every address of the plan: is anybody there, and which map fits."""
        found = []
        for unit in self._plan.units:
            self._tell(f"{setting.baud} {setting.line}: Modbus unit {unit}", -1.0)
            if await self._is_there(line, unit):
                fitting = [await self._try_map(line, unit, name) for name in self._plan.maps]
                candidates: list[Candidate] = [one for one in fitting if one is not None]
                found.append(probes.modbus_found(unit, setting, candidates))
        return found

    async def _is_there(self, line: Line, unit: int) -> bool:
        for request in probes.presence_requests(unit, self._plan.maps):
            if await self._modbus_ask(line, unit, self._plan.maps[0], request) is not None:
                return True
        return False

    async def _try_map(self, line: Line, unit: int, name: str) -> Candidate | None:
        answers = []
        for request in DRIVERS["modbus-rtu"]({"unit": unit, "map": name}).requests:
            decoded = await self._modbus_ask(line, unit, name, request)
            if decoded is None or decoded.verdict is Verdict.FLAG:
                return None
            answers.append(decoded)
        return probes.judged(name, answers)

    async def _modbus_ask(self, line: Line, unit: int, name: str, request: bytes) -> Decoded | None:
        driver = DRIVERS["modbus-rtu"]({"unit": unit, "map": name})
        frames = await self._answers(line, request, {"modbus-rtu": driver.framer(request)}, UNIT_S)
        try:
            return driver.decode(frames["modbus-rtu"], request)
        except (KeyError, BadFrameError):
            return None
