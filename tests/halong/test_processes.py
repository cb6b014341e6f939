"""Child processes: started again when they die, stopped when asked, none left behind."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from halong.processes import Processes

SLEEPER = [sys.executable, "-c", "import time; print('here', flush=True); time.sleep(600)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, lambda *_: exit(7)); print('here', flush=True); time.sleep(600)",
]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.02)


def says_here(processes: Processes, name: str, times: int = 1) -> Callable[[], bool]:
    return lambda: processes.log_path(name).read_text(encoding="utf-8").count("here") >= times


async def test_a_killed_process_comes_back_and_the_outage_is_known(tmp_path: Path) -> None:
    processes = Processes(tmp_path)
    await processes.start("one", SLEEPER)
    await until(says_here(processes, "one"))
    processes.kill("one")
    await until(says_here(processes, "one", 2))
    await until(lambda: len(processes.outages) == 1)
    assert processes.restarts == {"one": 1}
    outage = processes.outages[0]
    assert outage.name == "one"
    assert processes.first_start_ms("one") <= outage.start_ms <= outage.end_ms
    await processes.stop_all()
    assert not processes.running("one")


async def test_stopping_is_not_an_outage_and_gives_exit_codes(tmp_path: Path) -> None:
    processes = Processes(tmp_path)
    await processes.start("one", STUBBORN)
    await processes.start("two", STUBBORN)
    await until(says_here(processes, "one"))
    await until(says_here(processes, "two"))
    assert await processes.stop("one", "two") == {"one": 7, "two": 7}
    assert processes.outages == []
    assert processes.restarts == {}


def test_children_die_with_a_killed_parent(tmp_path: Path) -> None:
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            (
                "import asyncio, sys; from pathlib import Path; from halong.processes import Processes\n"
                "async def main():\n"
                f"    processes = Processes(Path({str(tmp_path)!r}))\n"
                f"    await processes.start('child', {SLEEPER!r})\n"
                "    print(processes._children['child'].process.pid, flush=True)\n"
                "    await asyncio.sleep(600)\n"
                "asyncio.run(main())\n"
            ),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    os.kill(child, 0)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    for _ in range(200):
        try:
            state = Path(f"/proc/{child}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return
        if state == "Z":
            return
        subprocess.run(["sleep", "0.05"], check=True)
    raise AssertionError("the child outlives its parent")
