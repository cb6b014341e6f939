"""A full disk, or no descriptor, is real to the process it hits and ends by itself; what could not be done is counted apart."""

import asyncio
import os
import resource
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from halong.broker import BrokerKind
from halong.chaos.faults import City
from halong.chaos.plan import Fault, Kind
from halong.processes import Processes

SOMEBODY_ELSE = (
    "import os, time; os.geteuid() or os.setuid(65534); print('here', flush=True); time.sleep(600)"
)
OURS = "import time; print('here', flush=True); time.sleep(600)"


def city(processes: Processes, directory: Path) -> City:
    return City(
        processes,
        {},
        broker_kind=BrokerKind.MOSQUITTO,
        broker_port=1,
        broker_directory=directory,
        step_file=lambda name: directory / name,
        root="t",
        seed=1,
    )


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("code", [OURS, SOMEBODY_ELSE])
async def test_a_broker_with_a_full_disk_is_told_to_stop_and_comes_again(tmp_path: Path, code: str) -> None:
    processes = Processes(tmp_path)
    await processes.start("broker", [sys.executable, "-c", code])
    try:
        await until(lambda: b"here" in processes.log_path("broker").read_bytes())
        await city(processes, tmp_path).play(Fault(0.0, Kind.DISK_FULL, "broker", 0.1, 0.5))
        await until(lambda: processes.restarts == {"broker": 1})
        assert (processes.crashes, processes.stuck) == ([], [])
    finally:
        await processes.stop_all()


@pytest.mark.parametrize(
    ("kind", "what", "meanwhile"),
    [(Kind.DISK_FULL, resource.RLIMIT_FSIZE, 1), (Kind.NO_DESCRIPTORS, resource.RLIMIT_NOFILE, 3)],
)
async def test_the_limit_is_there_meanwhile_and_gone_afterwards(
    tmp_path: Path, kind: Kind, what: int, meanwhile: int
) -> None:
    processes = Processes(tmp_path)
    await processes.start("gw-1", [sys.executable, "-c", OURS])
    try:
        await until(lambda: b"here" in processes.log_path("gw-1").read_bytes())
        pid = processes.pids()["gw-1"]
        before = resource.prlimit(pid, what)
        filling = asyncio.create_task(city(processes, tmp_path).play(Fault(0.0, kind, "gw-1", 0.3, 0.5)))
        await until(lambda: resource.prlimit(pid, what)[0] == meanwhile)
        await filling
        assert resource.prlimit(pid, what) == before
        os.kill(pid, 0)
        assert processes.restarts == {}
    finally:
        await processes.stop_all()


def may_be_limited(pid: int) -> bool:
    try:
        resource.prlimit(pid, resource.RLIMIT_NOFILE)
    except PermissionError:
        return False
    return True


@pytest.mark.parametrize("kind", [Kind.DISK_FULL, Kind.NO_DESCRIPTORS])
async def test_what_could_not_be_done_is_not_counted_as_played(tmp_path: Path, kind: Kind) -> None:
    processes = Processes(tmp_path)
    await processes.start("broker", [sys.executable, "-c", SOMEBODY_ELSE])
    try:
        await until(lambda: b"here" in processes.log_path("broker").read_bytes())
        refused = not may_be_limited(processes.pids()["broker"])
        hurt, ended = city(processes, tmp_path), Fault(0.0, kind, "gw-9", 0.1, 0.5)
        await hurt.play(ended)
        assert hurt.not_played == [ended]
        fault = Fault(0.0, kind, "broker", 0.1, 0.5)
        await hurt.play(fault)
        assert hurt.not_played == ([ended, fault] if refused else [ended])
    finally:
        await processes.stop_all()
