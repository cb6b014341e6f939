"""How big the processes of a run are, looked at once a second."""

import asyncio
from collections.abc import Collection, Mapping
from pathlib import Path

from halong.processes import Processes

EVERY_S = 1.0
LIMITS_MB = {"hub": 600, "influxd": 800, "broker": 250, "sim": 250}
AGENT_LIMIT_MB = 160


def limit_mb(name: str) -> int:
    """What a process may hold at most."""
    return LIMITS_MB.get(name, AGENT_LIMIT_MB)


class Memory:
    """Resident memory in MB, now and at most, by the name of the process."""

    def __init__(self, processes: Processes) -> None:
        self._processes = processes
        self._now: dict[str, int] = {}
        self._most: dict[str, int] = {}

    @property
    def most(self) -> Mapping[str, int]:
        """The largest seen of each."""
        return dict(sorted(self._most.items()))

    @property
    def excessive(self) -> Mapping[str, int]:
        """Those that were above their limit."""
        return {name: size for name, size in self.most.items() if size > limit_mb(name)}

    def now(self, name: str) -> int:
        """When last looked at; 0 when it never was."""
        return self._now.get(name, 0)

    def largest(self, exclude: Collection[str] = ()) -> int:
        """Of all others, now."""
        return max((size for name, size in self._now.items() if name not in exclude), default=0)

    async def watch(self) -> None:
        """Look, for ever."""
        while True:
            for name, pid in self._processes.pids().items():
                size = resident_mb(pid)
                if size is not None:
                    self._now[name] = size
                    self._most[name] = max(size, self._most.get(name, 0))
            await asyncio.sleep(EVERY_S)


def resident_mb(pid: int) -> int | None:
    """VmRSS of a process (proc(5)); None when it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    kb = next((int(line.split()[1]) for line in lines if line.startswith("VmRSS:")), None)
    return None if kb is None else round(kb / 1024)
