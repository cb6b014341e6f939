"""Words to systemd, over a real socket; and a watchdog that is fed only while the work goes on."""

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime.sdnotify import Loop, Notifier, Progress


class Systemd:
    """The other end of NOTIFY_SOCKET."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self._socket.setblocking(False)

    def heard(self) -> list[str]:
        words = []
        while True:
            try:
                words.append(self._socket.recv(4096).decode())
            except BlockingIOError:
                return words

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(params=["path", "abstract"])
def systemd(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Systemd]:
    here = str(tmp_path / "notify") if request.param == "path" else f"@halong-test-{tmp_path.name}"
    systemd = Systemd(here)
    yield systemd
    systemd.close()


async def test_each_word_is_one_datagram(systemd: Systemd) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": systemd.address})
    notifier.ready()
    notifier.status("two\nlines")
    notifier.reloading()
    notifier.stopping()
    ready, status, reloading, stopping = systemd.heard()
    assert (ready, status, stopping) == ("READY=1", "STATUS=two", "STOPPING=1")
    first, second = reloading.split("\n")
    assert first == "RELOADING=1"
    assert int(second.removeprefix("MONOTONIC_USEC=")) > 0


async def test_without_systemd_it_is_silent_and_one_that_is_gone_disturbs_nobody(systemd: Systemd) -> None:
    Notifier({}).ready()
    assert systemd.heard() == []
    await asyncio.wait_for(Notifier({"NOTIFY_SOCKET": systemd.address}).watch([]), 5)  # no watchdog is wanted
    systemd.close()
    Notifier({"NOTIFY_SOCKET": systemd.address}).ready()


async def test_the_watchdog_starves_when_a_loop_stands_still_and_eats_again_when_it_goes_on(
    systemd: Systemd,
) -> None:
    steps, busy = 0, True
    loop = Loop("work", lambda: steps, 0.05, lambda: busy)
    notifier = Notifier({"NOTIFY_SOCKET": systemd.address, "WATCHDOG_USEC": "30000"})
    task = asyncio.create_task(notifier.watch([loop]))

    async def fed() -> bool:
        systemd.heard()
        for _ in range(200):
            steps_before = steps
            await asyncio.sleep(0.01)
            if (words := systemd.heard()) and steps_before == steps:
                assert set(words) == {"WATCHDOG=1"}
                return True
        return False

    assert await fed()
    async with asyncio.timeout(10):
        while await _heard_within(systemd, 0.2):
            continue  # it stands still: a few more meals, then none
    steps += 1
    assert await fed()
    busy = False
    await asyncio.sleep(0.1)
    assert await fed()
    task.cancel()
    await asyncio.wait([task])


async def _heard_within(systemd: Systemd, seconds: float) -> bool:
    systemd.heard()
    await asyncio.sleep(seconds)
    return bool(systemd.heard())


def test_progress_names_who_stands_still() -> None:
    steps = {"a": 0, "b": 0}
    busy = {"a": True, "b": False}
    progress = Progress([Loop(n, lambda n=n: steps[n], 10.0, lambda n=n: busy[n]) for n in steps])  # type: ignore[misc]
    assert progress.stalled(0.0) == []
    assert progress.stalled(10.0) == []
    assert progress.stalled(10.1) == ["a"]
    busy["b"] = True
    assert progress.stalled(15.0) == ["a"]
    steps["a"] += 1
    assert progress.stalled(20.2) == ["b"]
    assert progress.stalled(25.0) == ["b"]
    steps["b"] += 1
    assert progress.stalled(25.1) == []
