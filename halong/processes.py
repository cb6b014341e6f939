"""The processes of `halong up`: started, watched, started again when they die, stopped in order, nothing left behind."""

import asyncio
import ctypes
import os
import signal
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import structlog

RESTART_FIRST_S = 0.3
RESTART_LAST_S = 10.0
STEADY_S = 10.0  # a life this long resets the back-off
STOP_S = 15.0
_PR_SET_PDEATHSIG = 1

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Outage:
    """A time in which a process was not there, wall clock in ms."""

    name: str
    start_ms: int
    end_ms: int


class Crash(NamedTuple):
    """An end that nobody has asked for, wall clock in ms."""

    name: str
    exit_code: int
    at_ms: int


@dataclass(slots=True)
class Child:
    """One process that should be running."""

    name: str
    command: Sequence[str]
    process: asyncio.subprocess.Process | None = None
    watcher: asyncio.Task[None] | None = None
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    restarts: int = 0
    exit_code: int | None = None
    asked_ms: int | None = None  # when it was told to go, and come again
    started: asyncio.Event = field(default_factory=asyncio.Event)


class Processes:
    """A set of child processes with their logs in one directory. Children die with us, even when we are killed."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._children: dict[str, Child] = {}
        self._first_start_ms: dict[str, int] = {}
        self.outages: list[Outage] = []
        self.pauses: list[Outage] = []
        self.crashes: list[Crash] = []
        self.stuck: list[str] = []  # those that did not leave when they were told to

    @property
    def restarts(self) -> Mapping[str, int]:
        """How often each process had to be started again."""
        return {child.name: child.restarts for child in self._children.values() if child.restarts}

    def pids(self) -> Mapping[str, int]:
        """Those that run now."""
        return {
            child.name: child.process.pid
            for child in self._children.values()
            if child.process is not None and child.process.returncode is None
        }

    def first_start_ms(self, name: str) -> int:
        """When the process was first started, wall clock in ms."""
        return self._first_start_ms[name]

    def log_path(self, name: str) -> Path:
        """Where a process writes what it has to say."""
        return self._logs / f"{name}.log"

    def running(self, name: str) -> bool:
        """Is it there now?"""
        process = self._children[name].process
        return process is not None and process.returncode is None

    async def start(self, name: str, command: Sequence[str]) -> None:
        """Start a process and keep it running until `stop`."""
        self._logs.mkdir(parents=True, exist_ok=True)
        child = self._children[name] = Child(name, command)
        self._first_start_ms[name] = time.time_ns() // 1_000_000
        child.watcher = asyncio.create_task(self._keep(child), name=f"keep {name}")
        await child.started.wait()

    def kill(self, name: str) -> None:
        """kill -9; it will be started again."""
        self._end(name, signal.SIGKILL)

    async def restart(self, name: str) -> None:
        """SIGTERM: it leaves in order, or is killed and told of in `stuck`, and will be started again."""
        process = self._end(name, signal.SIGTERM)
        if process is None:
            return
        try:
            await asyncio.wait_for(process.wait(), STOP_S)
        except TimeoutError:
            self._stuck(name, process)

    def _end(self, name: str, number: signal.Signals) -> asyncio.subprocess.Process | None:
        child = self._children[name]
        process = child.process
        if process is None or process.returncode is not None:
            return None
        log.warning("ending", process=name, pid=process.pid, signal=number.name)
        child.asked_ms = child.asked_ms or time.time_ns() // 1_000_000
        process.send_signal(number)
        return process

    def _stuck(self, name: str, process: asyncio.subprocess.Process) -> None:
        log.error("does not stop, killing it", process=name)
        self.stuck.append(name)
        with suppress(ProcessLookupError):
            process.kill()

    async def pause(self, name: str, for_s: float) -> None:
        """SIGSTOP, and SIGCONT after `for_s`, also when cancelled. One that is not there is left alone."""
        process = self._children[name].process
        if process is None or process.returncode is not None:
            return
        start_ms = time.time_ns() // 1_000_000
        process.send_signal(signal.SIGSTOP)
        try:
            await asyncio.sleep(for_s)
        finally:
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGCONT)
            self.pauses.append(Outage(name, start_ms, time.time_ns() // 1_000_000))

    async def stop(self, *names: str) -> dict[str, int | None]:
        """SIGTERM to these at once, SIGKILL to those that do not go; their exit codes."""
        children = [self._children[name] for name in names if name in self._children]
        for child in children:
            child.stopping.set()
            if child.process is not None and child.process.returncode is None:
                with suppress(ProcessLookupError):
                    child.process.send_signal(signal.SIGTERM)
        await asyncio.gather(*(self._await_end(child) for child in children))
        return {child.name: child.exit_code for child in children}

    async def stop_all(self) -> None:
        """Whatever is left."""
        await self.stop(*self._children)

    async def _await_end(self, child: Child) -> None:
        if child.watcher is None:
            return
        try:
            await asyncio.wait_for(asyncio.shield(child.watcher), STOP_S)
        except TimeoutError:
            if child.process is not None:
                self._stuck(child.name, child.process)
            child.watcher.cancel()
            with suppress(asyncio.CancelledError):
                await child.watcher
        child.watcher = None

    async def _keep(self, child: Child) -> None:
        backoff = RESTART_FIRST_S
        while not child.stopping.is_set():
            began = time.monotonic()
            with self.log_path(child.name).open("ab") as output:
                child.process = await asyncio.create_subprocess_exec(
                    *child.command,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    env=_environment(),
                    start_new_session=True,  # Ctrl-C is ours to hand on, in order
                    restore_signals=False,  # SIGXFSZ stays ignored: a file that may not grow is an error, not an end
                    preexec_fn=_die_with_parent,
                )
            child.started.set()
            child.exit_code = await child.process.wait()
            if child.stopping.is_set():
                return
            asked = child.asked_ms is not None
            down_ms, child.asked_ms = child.asked_ms or time.time_ns() // 1_000_000, None
            if not asked:
                self.crashes.append(Crash(child.name, child.exit_code, down_ms))
            child.restarts += 1
            steady = asked or time.monotonic() - began > STEADY_S
            backoff = RESTART_FIRST_S if steady else min(RESTART_LAST_S, backoff * 2)
            log.warning("process ended, starting it again", process=child.name, code=child.exit_code)
            await asyncio.sleep(backoff)
            self.outages.append(Outage(child.name, down_ms, time.time_ns() // 1_000_000))


def _environment() -> dict[str, str]:
    """Ours, but with cached bytecode: without it a dozen interpreters compile everything at every start."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def _die_with_parent() -> None:
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
