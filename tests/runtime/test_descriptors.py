"""Without descriptors nobody is let in, which is one line in the log; the last ones are not for who connects."""

import asyncio
import errno
import resource
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import monotonic, sleep

import pytest

from runtime.forgiving import forgive

SERVER = """
import asyncio, sys
from runtime import log
from runtime.descriptors import AT_ONCE, open_door
from runtime.forgiving import forgive

async def answer(reader, writer):
    while line := await reader.readline():
        with open("/proc/self/stat") as own:  # what is left over is ours
            own.read()
        writer.write(line)
    writer.close()

async def main():
    log.configure(process="server")
    forgive()
    door = open_door("127.0.0.1", 0)
    server = await asyncio.start_server(answer, sock=door, backlog=AT_ONCE)
    print(door.getsockname()[1], flush=True)
    await server.serve_forever()

asyncio.run(main())
"""
ROOT = Path(__file__).parents[2]
LIMIT = 64


@contextmanager
def server(said: Path) -> Iterator[tuple[int, int]]:
    """A server with LIMIT descriptors, its process and port; what it logs goes to `said`."""
    with said.open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-c", SERVER], stdout=subprocess.PIPE, stderr=stderr, text=True, cwd=ROOT
        )
    try:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (LIMIT, LIMIT))
        yield process.pid, port
    finally:
        process.kill()
        process.communicate()


def come(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), 20)


def is_answered(connection: socket.socket) -> bool:
    try:
        connection.sendall(b"x\n")
        return connection.recv(2) == b"x\n"
    except OSError:
        return False


def until(condition: Callable[[], bool]) -> None:
    deadline = monotonic() + 40
    while not condition():
        assert monotonic() < deadline
        sleep(0.05)


def test_the_last_ones_are_not_for_who_connects(tmp_path: Path) -> None:
    said = tmp_path / "log"
    with server(said) as (_, port), ExitStack() as crowd:
        answered = [is_answered(crowd.enter_context(come(port))) for _ in range(2 * LIMIT)]
        let_in = sum(answered)
        assert LIMIT // 2 < let_in <= LIMIT * 3 // 4
        assert answered == [True] * let_in + [False] * (2 * LIMIT - let_in)
        assert said.read_text("utf-8").count("too many connections") == 1
        crowd.close()
        until(lambda: is_answered(come(port)))
    assert said.read_text("utf-8").count("\n") == 1


def test_without_any_nobody_is_let_in_until_there_are_some(tmp_path: Path) -> None:
    said = tmp_path / "log"
    with server(said) as (pid, port), ExitStack() as crowd:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (3, LIMIT))
        waiting = [crowd.enter_context(come(port)) for _ in range(20)]
        until(lambda: b"nobody new is let in" in said.read_bytes())
        sleep(1.5)  # asyncio tries again after a second
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (LIMIT, LIMIT))
        assert all(is_answered(one) for one in waiting)
    assert said.read_text("utf-8").count("\n") == 1


@pytest.mark.parametrize(("soft", "hard", "then"), [(200, 400, 400), (200, 40_000, 16_384), (300, 300, 300)])
def test_a_process_asks_for_what_it_may_have(soft: int, hard: int, then: int) -> None:
    if resource.getrlimit(resource.RLIMIT_NOFILE)[1] < hard:
        hard = then = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        then = min(then, 16_384)
    code = (
        "import resource; from runtime.descriptors import ask_for_more;"
        f"resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard})); ask_for_more();"
        "print(resource.getrlimit(resource.RLIMIT_NOFILE))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True, timeout=60
    )
    assert done.stdout.strip() == str((then, hard))


async def test_the_loop_complains_of_all_else(caplog: pytest.LogCaptureFixture) -> None:
    loop = asyncio.get_running_loop()
    forgive()
    try:
        loop.call_exception_handler(
            {"message": "add_writer failed", "exception": OSError(errno.EBADF, "bad")}
        )
        loop.call_exception_handler(
            {"message": "socket.accept() out", "exception": OSError(errno.EMFILE, "many")}
        )
        assert caplog.records == []
        loop.call_exception_handler(
            {"message": "socket.accept() out", "exception": OSError(errno.EBADF, "bad")}
        )
        loop.call_exception_handler({"message": "add_writer failed", "exception": ValueError("bad")})
    finally:
        loop.set_exception_handler(None)
    assert [record.name for record in caplog.records] == ["asyncio", "asyncio"]
