"""The API is asked all the time; an answer that there is a bug is found, and nobody at home is none."""

import asyncio
from collections.abc import Awaitable, Callable

from firmware_sim import city
from halong.chaos.asking import Asking, paths
from halong.installation import free_port
from tests.waiting import until

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def test_every_path_is_asked_once_in_a_round() -> None:
    devices = city.plan(1, 1).gateways[0].devices
    found = paths(devices, 1_700_000_000_000)
    assert len(found) == len(set(found))
    assert sum(devices[0].sensor in path for path in found) == 3
    assert {"/healthz", "/v1/latest", "/v1/quarantine"} <= set(found)


async def asked(answer: Answer, wanted: list[str], number: int) -> Asking:
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    asking = Asking(server.sockets[0].getsockname()[1], wanted)
    running = asyncio.create_task(asking.run())
    await until(lambda: asking.answers.total() >= number)
    running.cancel()
    server.close()
    return asking


async def test_a_bug_is_told_by_its_path() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        status = b"500 Bug" if head.startswith(b"GET /broken ") else b"503 Away"
        writer.write(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    asking = await asked(answer, ["/well", "/broken"], 4)
    assert asking.answers["503"] >= 2
    assert +asking.bugs == {"/broken": asking.answers["500"]}


async def test_a_connection_that_ends_is_nobody() -> None:
    async def leave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    asking = await asked(leave, ["/"], 2)
    assert set(asking.answers) == {"nobody"}


async def test_nobody_at_home_is_no_bug() -> None:
    asking = Asking(free_port(), ["/"])
    running = asyncio.create_task(asking.run())
    await until(lambda: asking.answers["nobody"] >= 2)
    running.cancel()
    assert not +asking.bugs
