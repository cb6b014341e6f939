"""One open line on a real pty: chunks with their time, loss, exclusive use, bounded memory."""

import asyncio
import errno
import itertools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import serial_asyncio_fast

from edge.line import MAX_CHUNKS, MAX_UNSENT, Line, PortLostError

if TYPE_CHECKING:
    from conftest import PtyPort

ROOT = Path(__file__).parents[2]
PATIENCE_S = 30.0
SOON_S = 0.01


def opened(port: "PtyPort", clock: "itertools.count[int] | None" = None):  # type: ignore[no-untyped-def]
    ticks = clock or itertools.count(1000)
    return Line.open(str(port.link), 9600, lambda: next(ticks))


async def test_chunks_come_with_the_time_they_were_read(pty_port: "PtyPort") -> None:
    pty_port.plug()
    async with opened(pty_port) as line:
        pty_port.send(bytes(range(256)))
        assert await line.read(PATIENCE_S) == (bytes(range(256)), 1000)
        pty_port.send(b"b")
        assert await line.read(PATIENCE_S) == (b"b", 1001)
        assert await line.read(SOON_S) is None


async def test_a_missing_device_is_told_in_a_few_words(pty_port: "PtyPort") -> None:
    with pytest.raises(PortLostError, match=r"^No such file or directory$"):
        async with opened(pty_port):
            pass


async def test_the_port_is_ours_alone(pty_port: "PtyPort") -> None:
    pty_port.plug()
    async with opened(pty_port):
        with pytest.raises(PortLostError):
            async with opened(pty_port):
                pass
    async with opened(pty_port):
        pass


async def test_unplugging_ends_reading_and_idling(pty_port: "PtyPort") -> None:
    pty_port.plug()
    async with opened(pty_port) as line:
        idling = asyncio.create_task(line.idle(3600))
        reading = asyncio.create_task(line.read(3600))
        await asyncio.sleep(SOON_S)
        pty_port.unplug()
        async with asyncio.timeout(PATIENCE_S):
            results = await asyncio.gather(idling, reading, return_exceptions=True)
        assert [type(result) for result in results] == [PortLostError, PortLostError]
        with pytest.raises(PortLostError):
            line.write(b"x")
        with pytest.raises(PortLostError):
            line.drop_input()


async def test_a_path_that_leads_elsewhere_is_noticed(pty_port: "PtyPort") -> None:
    pty_port.plug()
    ends = os.openpty()
    async with opened(pty_port) as line:
        line.check_there()
        target = pty_port.link.readlink()
        pty_port.link.unlink()
        with pytest.raises(PortLostError, match="No such file"):
            line.check_there()
        pty_port.link.symlink_to(os.ttyname(ends[1]))
        with pytest.raises(PortLostError, match="another device"):
            line.check_there()
        pty_port.link.unlink()
        pty_port.link.symlink_to(target)
        line.check_there()
    for end in ends:
        os.close(end)


async def test_stale_input_is_dropped(pty_port: "PtyPort") -> None:
    pty_port.plug()
    async with opened(pty_port) as line:
        pty_port.send(b"stale")
        await line.idle(SOON_S)
        line.drop_input()
        pty_port.send(b"fresh")
        chunk = await line.read(PATIENCE_S)
        assert chunk is not None
        assert chunk.data == b"fresh"


async def test_unread_input_is_bounded_and_nothing_of_it_is_lost(pty_port: "PtyPort") -> None:
    pty_port.plug()
    async with opened(pty_port) as line:
        for number in range(2 * MAX_CHUNKS):
            pty_port.send(bytes([number]))
            await asyncio.sleep(0.0005)
        await asyncio.sleep(SOON_S)
        assert len(line._chunks) <= MAX_CHUNKS
        received = b""
        while len(received) < 2 * MAX_CHUNKS:
            chunk = await line.read(PATIENCE_S)
            assert chunk is not None
            received += chunk.data
        assert received == bytes(range(2 * MAX_CHUNKS))


async def test_seven_bits_with_parity_are_asked_of_a_port_and_not_of_a_pseudo_terminal(
    pty_port: "PtyPort", monkeypatch: pytest.MonkeyPatch
) -> None:
    pty_port.plug()
    async with Line.open(str(pty_port.link), 1200, lambda: 0, "7E1") as line:
        assert line._serial.get_settings()["bytesize"] == 8
    asked: dict[str, object] = {}

    async def create(*_: object, **settings: object) -> None:
        asked.update(settings)
        raise OSError(errno.ENODEV, "")

    monkeypatch.setattr(serial_asyncio_fast, "create_serial_connection", create)
    with pytest.raises(PortLostError):
        async with Line.open("/dev/ttyUSB99", 1200, lambda: 0, "7E1"):
            pass
    assert [asked[name] for name in ("baudrate", "bytesize", "parity", "stopbits")] == [1200, 7, "E", 1]


async def test_what_nobody_takes_does_not_pile_up(pty_port: "PtyPort") -> None:
    pty_port.plug()
    async with Line.open(str(pty_port.link), 9600, lambda: 0) as line:
        for _ in range(100):
            line.write(bytes(1000))
            await asyncio.sleep(0)
        assert line._transport.get_write_buffer_size() < MAX_UNSENT + 1000


READ_ONE = """
import asyncio, sys
from edge.line import Line
async def main():
    async with Line.open(sys.argv[1], 9600, lambda: 0) as line:
        print("ready", flush=True)
        print(await line.read(1.0), flush=True)
asyncio.run(main())
"""


def test_what_came_while_the_process_stood_still_is_no_silence(pty_port: "PtyPort") -> None:
    """After SIGCONT the loop sees its timers first: the deadline of a read is over, and its bytes are there."""
    pty_port.plug()
    reader = subprocess.Popen(
        [sys.executable, "-c", READ_ONE, str(pty_port.link)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert reader.stdout is not None
    assert reader.stdout.readline() == "ready\n"
    reader.send_signal(signal.SIGSTOP)
    time.sleep(1.1)
    pty_port.send(b"frame")
    time.sleep(0.5)  # a busy kernel takes its time to hand it to the other end
    reader.send_signal(signal.SIGCONT)
    out, _ = reader.communicate(timeout=30)
    assert out == "Chunk(data=b'frame', at_ms=0)\n"
