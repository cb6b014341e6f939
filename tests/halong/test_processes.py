"""Child processes: started again when they die, stopped when asked, none left behind."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from halong.processes import Processes
from tests.waiting import until

SLEEPER = [sys.executable, "-c", "import time; print('here', flush=True); time.sleep(600)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, lambda *_: exit(7)); print('here', flush=True); time.sleep(600)",
]


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


async def test_an_end_that_was_asked_for_is_no_crash_and_counts_from_the_asking(tmp_path: Path) -> None:
    slow = "import signal, time; signal.signal(15, lambda *_: (time.sleep(0.5), exit(0)))"
    processes = Processes(tmp_path)
    await processes.start(
        "one", [sys.executable, "-c", f"{slow}; print('here', flush=True); time.sleep(600)"]
    )
    await until(says_here(processes, "one"))
    asked_ms = time.time_ns() // 1_000_000
    await processes.restart("one")
    await until(lambda: len(processes.outages) == 1)
    assert processes.outages[0].start_ms - asked_ms < 500 <= processes.outages[0].end_ms - asked_ms
    assert processes.crashes == []
    await until(says_here(processes, "one", 2))
    os.kill(processes.pids()["one"], signal.SIGKILL)
    await until(lambda: len(processes.crashes) == 1)
    assert processes.crashes[0][:2] == ("one", -9)
    await processes.stop_all()
    assert processes.pids() == {}


async def test_one_that_is_leaving_can_be_killed_and_one_that_does_not_leave_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deaf = (
        "import signal, time; signal.signal(15, signal.SIG_IGN); print('here', flush=True); time.sleep(600)"
    )
    processes = Processes(tmp_path)
    await processes.start("one", [sys.executable, "-c", deaf])
    await until(says_here(processes, "one"))
    leaving = asyncio.create_task(processes.restart("one"))
    await asyncio.sleep(0)
    processes.kill("one")
    await leaving
    await until(says_here(processes, "one", 2))
    assert (processes.crashes, processes.stuck) == ([], [])
    monkeypatch.setattr("halong.processes.STOP_S", 0.2)
    await processes.restart("one")
    await until(says_here(processes, "one", 3))
    assert processes.stuck == ["one"]
    await processes.stop_all()
    await processes.stop_all()
    assert processes.stuck == ["one", "one"]


async def test_a_pause_is_known_and_ends_also_when_it_is_cancelled(tmp_path: Path) -> None:
    def state(pid: int) -> str:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]

    processes = Processes(tmp_path)
    await processes.start("one", SLEEPER)
    await until(says_here(processes, "one"))
    pid = processes.pids()["one"]
    pausing = asyncio.create_task(processes.pause("one", 600))
    await until(lambda: state(pid) == "T")
    pausing.cancel()
    await asyncio.gather(pausing, return_exceptions=True)
    await until(lambda: state(pid) == "S")
    await processes.pause("one", 0.2)
    assert [pause.name for pause in processes.pauses] == ["one", "one"]
    assert processes.pauses[1].end_ms - processes.pauses[1].start_ms >= 200
    assert processes.outages == []
    await processes.stop_all()
    await processes.pause("one", 600)  # not there: nothing to wait for
    assert len(processes.pauses) == 2


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
