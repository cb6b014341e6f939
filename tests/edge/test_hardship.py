"""What a street does to an agent: ports that move or are taken, devices that flood or stammer, a dead unit, a full disk."""

import asyncio
import fcntl
import json
import os
import subprocess
import sys
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import pytest
import structlog.testing

import edge.ports
from edge.drivers import DRIVERS
from edge.journal import Journal
from edge.portaccount import Device
from tests.edge.conftest import PtyPort
from tests.edge.running_port import NOW, Answerer, Running, Speaker
from tests.waiting import until

JUNK_BYTES = 4_000_000
MEMORY_BYTES = 1_000_000
GOOD = bytes.fromhex("424d001c00000008000800000008000800d20046002d001e00000000970002c5")


@pytest.fixture
def other_port(tmp_path: Path) -> Iterator[PtyPort]:
    """A second port."""
    port = PtyPort(tmp_path / "ttyTEST1")
    yield port
    port.unplug()


def point(link: Path, at: PtyPort) -> None:
    """The link leads to another port from now on."""
    new = link.with_name("new")
    new.symlink_to(at.link.readlink())
    new.replace(link)


async def talk(port: PtyPort, words: bytes) -> None:
    """Say it again and again."""
    while True:
        if words:
            port.send(words)
        await asyncio.sleep(0.005)


def speaker(port: PtyPort) -> Running:
    return Running(port, [Device("s", Speaker(), 1.0)])


@pytest.mark.parametrize("chatty", [False, True], ids=["silent", "still talking"])
async def test_a_port_that_got_another_number_is_followed(
    pty_port: PtyPort, other_port: PtyPort, monkeypatch: pytest.MonkeyPatch, chatty: bool
) -> None:
    monkeypatch.setattr(edge.ports, "QUIET_S", 0.05)
    pty_port.plug()
    other_port.plug()
    async with speaker(pty_port) as running:
        await until(lambda: running.up)
        pty_port.send(b"1\n")
        await until(lambda: running.journal.values() == [1])
        point(pty_port.link, other_port)
        talking = asyncio.create_task(talk(pty_port, b"2\n" if chatty else b""))
        await until(lambda: not running.up)
        await until(lambda: running.up)
        before = running.journal.values().count(2)
        other_port.send(b"3\n")
        await until(lambda: 3 in running.journal.values())
        talking.cancel()
        assert running.journal.values().count(2) == before


async def test_a_polled_port_that_got_another_number_is_followed(
    pty_port: PtyPort, other_port: PtyPort
) -> None:
    pty_port.answer = lambda request: b"1:1\n"
    other_port.answer = lambda request: b"1:2\n"
    pty_port.plug()
    other_port.plug()
    async with Running(pty_port, [Device("s", Answerer(1), 0.02)]) as running:
        await until(lambda: 1 in running.journal.values())
        point(pty_port.link, other_port)
        await until(lambda: 2 in running.journal.values())


async def test_a_port_that_another_program_holds_is_one_clear_line(
    pty_port: PtyPort, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edge.ports, "BACKOFF_FIRST_S", 0.02)
    pty_port.plug()
    holder = os.open(pty_port.link, os.O_RDWR | os.O_NOCTTY)
    fcntl.flock(holder, fcntl.LOCK_EX)
    with structlog.testing.capture_logs() as logs:
        async with speaker(pty_port) as running:
            await until(lambda: running.port._backoff > 2 * edge.ports.BACKOFF_FIRST_S)  # it was tried twice
            os.close(holder)
            await until(lambda: running.up)
            pty_port.send(b"1\n")
            await until(lambda: running.journal.values() == [1])
    assert [entry["event"] for entry in logs] == ["port away, trying again", "port open"]
    assert logs[0]["reason"] == "another program is using it"


async def send_all(port: PtyPort, data: bytes) -> None:
    """Everything, as fast as it is taken."""
    sent = 0
    while sent < len(data):
        try:
            sent += port.send(data[sent : sent + 4096])
        except BlockingIOError:
            await asyncio.sleep(0)


@asynccontextmanager
async def little_memory() -> AsyncIterator[None]:
    """Fails when more than MEMORY_BYTES are taken inside at any time."""
    tracemalloc.start()
    try:
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < MEMORY_BYTES


@pytest.mark.parametrize("protocol", ["pms5003", "ops243", "hlk-ld2451", "nmea0183"])
async def test_a_flood_of_junk_is_bounded_and_hurts_no_other_port(
    protocol: str, pty_port: PtyPort, other_port: PtyPort
) -> None:
    pty_port.plug()
    other_port.plug()
    junk = Random(1).randbytes(65_536).replace(b"\n", b"") * (JUNK_BYTES // 65_536)
    driver = DRIVERS[protocol]({})
    async with Running(pty_port, [Device("flood", driver, 1.0)]) as flooded, speaker(other_port) as running:
        await until(lambda: flooded.up and running.up)
        async with little_memory():
            flood = asyncio.create_task(send_all(pty_port, junk))
            for number in range(10):
                other_port.send(b"%d\n" % number)
                await until(lambda number=number: number in running.journal.values())  # type: ignore[misc]
                assert number or not flood.done()
            await flood
        assert flooded.up
        assert running.journal.values() == list(range(10))


async def test_half_frames_for_ever_give_nothing_and_the_first_whole_one_counts(pty_port: PtyPort) -> None:
    pty_port.plug()
    halves = GOOD[:16] * 20_000
    async with Running(pty_port, [Device("pm", DRIVERS["pms5003"]({}), 1.0)]) as running:
        await until(lambda: running.up)
        async with little_memory():
            await send_all(pty_port, halves)
        assert running.journal.readings == []
        await send_all(pty_port, GOOD)
        await until(lambda: len(running.journal.readings) == 3)
        assert running.counters[0] == 1
        assert running.counters[1] > 0


async def test_half_answers_for_ever_do_not_hold_the_bus(pty_port: PtyPort) -> None:
    pty_port.answer = lambda request: b"1:12" if request == b"1?\n" else b"2:7\n"
    pty_port.plug()
    devices = [Device(f"s-{number}", Answerer(number), 0.1) for number in (1, 2)]
    async with Running(pty_port, devices) as running:
        await until(lambda: len(running.journal.values("s-2")) >= 5)
    assert running.journal.values("s-1") == []


def test_a_full_disk_loses_nothing_accepted_and_is_used_again(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    program = Path(__file__).with_name("full_disk_journal.py")
    done = subprocess.run([sys.executable, program, path], capture_output=True, text=True, check=True)
    told = json.loads(done.stdout)
    assert told["refused"] >= 3
    assert told["readable_when_full"]
    assert told["events"] == ["journal cannot be used, trying again", "journal can be used again"]
    journal = Journal.open(path, clock=lambda: NOW, rng=Random(2))
    stored = {
        (row.journal, row.seq): journal.payload(row.journal, row.seq) for row in journal.live(0, 100_000, ())
    }
    journal.close()
    assert {f"{name}/{seq}": payload.decode() for (name, seq), payload in stored.items() if payload} == told[
        "accepted"
    ]
