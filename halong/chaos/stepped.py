"""`halong edge run` and `halong hub` with a clock that can be stepped: python -m halong.chaos.stepped WHAT CONFIG STEP_FILE

The real clock of a machine belongs to all its processes. So agent and hub are given a clock of their own, which is the real one
but for the milliseconds written in a file by which it is ahead. Everything else of them is what the commands run.
"""

import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from edge.config import EdgeConfig
from edge.config import check as check_edge
from edge.hostclock import Instant, LinuxHost
from halong.console import load, run
from runtime import log

LOOK_EVERY_S = 0.1


class Step:
    """How far the clock is ahead, in ms: what the file says, looked at ten times a second; a missing file is no step."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._ms, self._looked = 0, 0.0

    def ms(self) -> int:
        """Now."""
        now = time.monotonic()
        if now - self._looked >= LOOK_EVERY_S:
            self._ms, self._looked = self._read(), now
        return self._ms

    def _read(self) -> int:
        with suppress(OSError, ValueError):
            return int(self._file.read_text(encoding="ascii"))
        return 0


class SteppedHost(LinuxHost):
    """The real host; its system clock is ahead by the step."""

    def __init__(self, step: Step) -> None:
        super().__init__()
        self._step = step

    def instant(self) -> Instant:
        """See Host."""
        real = super().instant()
        return real._replace(wall_ms=real.wall_ms + self._step.ms())


def run_agent(config: Path, step: Step) -> None:
    """The agent, until SIGTERM."""
    from edge.agent import run as agent

    settings = load(config, EdgeConfig, check_edge)
    log.configure(process=settings.gateway)
    run(lambda stop: agent(settings.located_in(config.parent), stop=stop, host=SteppedHost(step)))


def run_hub(config: Path, step: Step, trace: Path) -> None:
    """The hub, until SIGTERM; it appends what it commits to `trace`."""
    from halong import hub  # an agent has no use for databases in its memory

    settings = load(config, hub.HubConfig, hub.check)
    log.configure(process="hub")
    clock: Callable[[], int] = lambda: hub.wall_clock_ms() + step.ms()  # noqa: E731
    run(lambda stop: hub.run(settings, stop=stop, trace=trace, clock=clock))


def main(what: str, config: Path, step_file: Path, *more: Path) -> None:
    """`agent CONFIG STEP_FILE` or `hub CONFIG STEP_FILE TRACE`."""
    if what == "hub":
        run_hub(config, Step(step_file), *more)
    else:
        run_agent(config, Step(step_file))


if __name__ == "__main__":
    main(sys.argv[1], *map(Path, sys.argv[2:]))
