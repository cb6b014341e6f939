"""What a service says to systemd (sd_notify(3)): one datagram for each word, nothing when nobody listens.

A watchdog that is fed by a timer proves only that the timer runs. This one is fed while the loops that do the work go on.
"""

import asyncio
import socket
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import structlog

log = structlog.get_logger(__name__)


class Loop(NamedTuple):
    """A loop that does work: its `steps` rise while it goes on, at least every `within_s` seconds while it is `busy`."""

    name: str
    steps: Callable[[], int]
    within_s: float
    busy: Callable[[], bool] = lambda: True


class Progress:
    """Which loops stand still. Pure but for what it asks; `now` is a monotonic clock in seconds."""

    def __init__(self, loops: Sequence[Loop]) -> None:
        self._loops = loops
        self._seen: dict[str, tuple[int, float]] = {}

    def stalled(self, now: float) -> list[str]:
        """The names of loops that had work and have not gone on in time."""
        found = []
        for loop in self._loops:
            steps = loop.steps()
            before, since = self._seen.get(loop.name, (None, now))
            if steps != before or not loop.busy():
                self._seen[loop.name] = (steps, now)
            elif now - since > loop.within_s:
                found.append(loop.name)
        return found


class Notifier:
    """Speaks to the socket that the environment names; without one it is silent."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._address = environment.get("NOTIFY_SOCKET", "")
        watchdog = environment.get("WATCHDOG_USEC", "")
        self._watchdog_s = int(watchdog) / 1e6 if watchdog.isdecimal() else 0.0
        self._silent = False

    def ready(self) -> None:
        """The service does its work, for the first time or again."""
        self._say("READY=1")

    def reloading(self) -> None:
        """It takes over a new configuration (Type=notify-reload); `ready` ends that."""
        self._say(f"RELOADING=1\nMONOTONIC_USEC={int(asyncio.get_running_loop().time() * 1e6)}")

    def stopping(self) -> None:
        """It leaves in order."""
        self._say("STOPPING=1")

    def status(self, words: str) -> None:
        """One line for `systemctl status`."""
        self._say(f"STATUS={words.splitlines()[0] if words else ''}")

    async def watch(self, loops: Sequence[Loop]) -> None:
        """Feed the watchdog three times in its time, while no loop stands still; returns at once when there is none."""
        progress, loop, known = Progress(loops), asyncio.get_running_loop(), list[str]()
        while self._address and self._watchdog_s:
            stalled = progress.stalled(loop.time())
            if not stalled:
                self._say("WATCHDOG=1")
            elif stalled != known:
                log.error("a loop stands still, systemd will start this service again", loops=stalled)
            known = stalled
            await asyncio.sleep(self._watchdog_s / 3)

    def _say(self, words: str) -> None:
        if not self._address:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as out:
                out.sendto(words.encode(), address)
        except OSError as error:
            if not self._silent:
                log.warning("cannot speak to systemd", socket=self._address, reason=str(error))
            self._silent = True
