"""The device's end of a real pty: its link, its bytes in both directions, and what becomes of bytes nobody reads."""

import fcntl
import os
import select
import struct
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from firmware_sim.pty import STALE_S, PtyPort, Written

T = 1_700_000_000.0
HEARD = Written(True, None)


@pytest.fixture
def link(tmp_path: Path) -> Path:
    return tmp_path / "ports" / "pm-1"


@pytest.fixture
def port(link: Path) -> Iterator[PtyPort]:
    made = PtyPort(link)
    yield made
    made.close()


@pytest.fixture
def host(port: PtyPort, link: Path) -> Iterator[int]:
    """The other end, as a program that opens the link has it."""
    end = os.open(link, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    yield end
    os.close(end)


def unread(host: int) -> bytes:
    try:
        return os.read(host, 65536)
    except BlockingIOError:
        return b""


def arrived(host: int, size: int) -> None:
    """Wait until so many bytes lie unread: the kernel hands them over by a worker of its own."""
    for _ in range(2000):
        (waiting,) = struct.unpack("i", fcntl.ioctl(host, termios.FIONREAD, b"\0\0\0\0"))
        if waiting == size:
            return
        time.sleep(0.001)
    raise AssertionError(f"{waiting} bytes lie unread, not {size}")


def test_the_link_leads_to_a_terminal_and_goes_with_it(link: Path) -> None:
    port = PtyPort(link)
    assert link.is_symlink()
    assert os.isatty(os.open(link, os.O_RDWR | os.O_NOCTTY))
    port.close()
    assert not link.is_symlink()


def test_a_link_left_behind_is_replaced(link: Path) -> None:
    link.parent.mkdir()
    link.symlink_to("/dev/pts/of-an-earlier-life")
    port = PtyPort(link)
    assert link.exists()
    port.close()


def test_a_newer_ports_link_is_not_taken_away(link: Path) -> None:
    old = PtyPort(link)
    new = PtyPort(link)
    old.close()
    assert link.exists()
    new.close()
    assert not link.is_symlink()


def test_a_file_in_the_way_stays_what_it_is(tmp_path: Path) -> None:
    file = tmp_path / "letter.txt"
    file.write_text("dear", encoding="utf-8")
    with pytest.raises(FileExistsError, match="a file already"):
        PtyPort(file)
    assert file.read_text(encoding="utf-8") == "dear"
    with pytest.raises(OSError, match=r"."):
        PtyPort(file / "below")


def test_every_byte_passes_unchanged_in_both_directions(port: PtyPort, host: int) -> None:
    every = bytes(range(256)) * 2
    assert port.write(every, T) == HEARD
    arrived(host, len(every))
    assert unread(host) == every
    os.write(host, every)
    select.select([port.fileno()], [], [], 5)
    assert port.read() == every
    assert port.read() == b""


def test_the_host_may_leave_and_come_back(port: PtyPort, link: Path) -> None:
    for _ in range(2):
        host = os.open(link, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        assert port.write(b"frame", T) == HEARD
        arrived(host, 5)
        assert unread(host) == b"frame"
        os.close(host)
    assert port.read() == b""


def test_bytes_nobody_reads_are_thrown_away_and_that_is_told(port: PtyPort, host: int) -> None:
    for number, at_s in enumerate((T, T + 1, T + STALE_S), 1):
        assert port.write(b"%d" % number, at_s) == HEARD
        arrived(host, number)
    assert port.write(b"4", T + STALE_S + 0.5) == Written(True, T)
    arrived(host, 1)
    assert unread(host) == b"4"
    assert port.write(b"5", T + 60) == HEARD  # everything had been read
    arrived(host, 1)
    assert unread(host) == b"5"


def test_a_listener_that_comes_late_gets_the_newest_only(port: PtyPort, link: Path) -> None:
    host = os.open(link, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    for second in range(20):
        port.write(b"%03d" % second, T + second)
        arrived(host, min(3 * (second + 1), 9) if second < 3 else 3)
    assert unread(host) == b"019"
    os.close(host)


def test_a_full_line_is_told(port: PtyPort, host: int) -> None:
    written = [port.write(bytes(4096), T) for _ in range(64)]
    assert written[0].whole
    assert not written[-1].whole
