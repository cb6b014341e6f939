"""What each fault does to a running city. A fault ends by itself and leaves its target healed, also when it is cancelled."""

import asyncio
import resource
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from random import Random

import structlog

from halong import broker
from halong.broker import BrokerKind
from halong.chaos.packets import Meddling
from halong.chaos.plan import PACKETS, Fault, Kind
from halong.chaos.proxy import Direction, Proxy
from halong.chaos.rogue import say_rubbish
from halong.processes import Processes
from runtime.mqtt import BrokerUrl
from telemetry.times import DAY_MS

HUB_RATE = (8_000.0, 40_000.0)  # bytes a second of a slow wire
UPLINK_RATE = (1_500.0, 10_000.0)
SHARE = (0.2, 0.8)  # of the packets that are meddled with
STEP_MS = (2_000.0, 30.0 * DAY_MS)  # how far a clock jumps, ahead or back; its logarithm is drawn
# Less than `ingest.future_s`: with two gateways left the hub cannot know that it is the one.
HUB_BACK_MS = 200_000
NO_GROWTH = 1  # byte: no file of the process may be longer
NO_MORE = 3  # descriptors: those that are open stay, no new one is given

log = structlog.get_logger(__name__)


class City:
    """What can be hurt: processes, wires by the name of the process that uses them, and the broker's configuration.

    `not_played` are the faults that could not hit their target: it had just ended, or may not be limited (a mosquitto that
    root has started runs as somebody else).
    """

    def __init__(
        self,
        processes: Processes,
        wires: Mapping[str, Proxy],
        *,
        broker_kind: BrokerKind,
        broker_port: int,
        broker_directory: Path,
        step_file: Callable[[str], Path],
        root: str,
        seed: int,
    ) -> None:
        self._processes, self._wires, self._root, self._seed = processes, wires, root, seed
        self._step_file = step_file
        self._broker = broker_kind, broker_port, broker_directory
        self.rubbish = 0
        self.not_played: list[Fault] = []

    async def play(self, fault: Fault) -> None:
        """One fault from its beginning to its end."""
        match fault.kind:
            case Kind.KILL | Kind.RESTART:
                await self._end(fault)
            case Kind.PAUSE:
                await self._processes.pause(fault.target, fault.seconds)
            case Kind.DISK_FULL:
                await self._fill_disk(fault)
            case Kind.NO_DESCRIPTORS:
                await self._take_descriptors(fault)
            case Kind.CLOCK_STEP:
                await self._step_clock(fault)
            case Kind.ROGUE:
                self.rubbish += await say_rubbish(
                    BrokerUrl("127.0.0.1", self._broker[1], None, None),
                    self._root,
                    sorted(set(self._wires) - {"hub", "store"}),
                    Random(f"{self._seed}/{fault.at_s}"),
                )
            case _:
                await self._on_the_wire(fault)

    async def _end(self, fault: Fault) -> None:
        if fault.target == "broker":  # its next life has persistence, or has not
            kind, port, directory = self._broker
            broker.command(kind, port, directory, persistence=fault.draw < 0.5)
        if fault.kind is Kind.KILL:
            self._processes.kill(fault.target)
        else:
            await self._processes.restart(fault.target)

    async def _fill_disk(self, fault: Fault) -> None:
        """No file of the process grows: EFBIG instead of ENOSPC, and as real. Its next life is not concerned.

        A broker writes when it is told to stop, and is told so then. An influxd 1.6.7 that could not write its log goes on
        refusing (docs/influxdb.md): somebody ends it when there is room again. What may not be limited is restarted instead.
        """
        pid = self._processes.pids().get(fault.target)
        if pid is None:
            self.not_played.append(fault)
            return
        try:
            before = resource.prlimit(pid, resource.RLIMIT_FSIZE, (NO_GROWTH, resource.RLIM_INFINITY))
        except ProcessLookupError:
            self.not_played.append(fault)
            return
        except PermissionError:
            self.not_played.append(fault)
            await self._processes.restart(fault.target)
            return
        with suppress(ProcessLookupError):
            try:
                await asyncio.sleep(fault.seconds)
                if fault.target == "broker":
                    await self._processes.restart(fault.target)
            finally:
                resource.prlimit(pid, resource.RLIMIT_FSIZE, before)
                if fault.target == "influxd":
                    self._processes.kill(fault.target)

    async def _take_descriptors(self, fault: Fault) -> None:
        """What it has open goes on; whatever it would open is EMFILE: files, connections, those who come to it."""
        pid = self._processes.pids().get(fault.target)
        if pid is None:
            self.not_played.append(fault)
            return
        try:
            _, most = before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (NO_MORE, most))
        except (ProcessLookupError, PermissionError):
            self.not_played.append(fault)
            return
        with suppress(ProcessLookupError):
            try:
                await asyncio.sleep(fault.seconds)
            finally:
                resource.prlimit(pid, resource.RLIMIT_NOFILE, before)

    async def _step_clock(self, fault: Fault) -> None:
        """Ahead for an upper draw, back for a lower one. The agent reads the file once a second."""
        file = self._step_file(fault.target)
        far = abs(fault.draw - 0.5) * 2
        step_ms = round(STEP_MS[0] * (STEP_MS[1] / STEP_MS[0]) ** far)
        if fault.draw < 0.5:
            step_ms = -min(step_ms, HUB_BACK_MS) if fault.target == "hub" else -step_ms
        new = file.with_suffix(".new")
        new.write_text(str(step_ms), encoding="ascii")
        new.replace(file)
        try:
            await asyncio.sleep(fault.seconds)
        finally:
            file.unlink(missing_ok=True)

    async def _on_the_wire(self, fault: Fault) -> None:
        wire = self._wires[fault.target]
        direction = Direction.OUT if fault.draw < 0.5 else Direction.IN
        match fault.kind:
            case Kind.CUT:
                await wire.cut(fault.seconds)
            case Kind.SLOW:
                rates = HUB_RATE if fault.target in ("hub", "store") else UPLINK_RATE
                await wire.slow(_between(rates, fault.draw), fault.seconds)
            case Kind.MUTE:
                await wire.mute(direction, fault.seconds)
            case kind if kind in PACKETS:
                towards_hub = Direction.IN if fault.target == "hub" else Direction.OUT
                await wire.meddle(Meddling(kind), towards_hub, _between(SHARE, fault.draw), fault.seconds)


def _between(bounds: tuple[float, float], draw: float) -> float:
    return bounds[0] + (bounds[1] - bounds[0]) * draw
