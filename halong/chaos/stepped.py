"""`halong edge run` on a host whose system clock can be stepped: python -m halong.chaos.stepped CONFIG STEP_FILE

The real clock of a machine belongs to all its processes. So the agent is given a host of its own, which is the real one but
for a system clock that is ahead by the milliseconds written in a file. Everything else of the agent is what `halong edge run`
runs.
"""

import sys
from contextlib import suppress
from pathlib import Path

from edge.agent import run as run_agent
from edge.config import EdgeConfig, check
from edge.hostclock import Instant, LinuxHost
from halong.console import load, run
from runtime import log


class SteppedHost(LinuxHost):
    """The real host; its system clock stands where the file says, a missing file is no step."""

    def __init__(self, step_file: Path) -> None:
        super().__init__()
        self._step_file = step_file

    def instant(self) -> Instant:
        """See Host."""
        real = super().instant()
        return real._replace(wall_ms=real.wall_ms + self._step_ms())

    def _step_ms(self) -> int:
        with suppress(OSError, ValueError):
            return int(self._step_file.read_text(encoding="ascii"))
        return 0


def main(config: Path, step_file: Path) -> None:
    """The agent, until SIGTERM."""
    settings = load(config, EdgeConfig, check)
    log.configure(process=settings.gateway)
    host = SteppedHost(step_file)
    run(lambda stop: run_agent(settings.located_in(config.parent), stop=stop, host=host))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
