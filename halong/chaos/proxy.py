"""A TCP proxy that does on request what networks do by themselves: cut, slow, stand still, double, reorder, change."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from enum import Enum
from random import Random

from halong.chaos.packets import Meddler, Meddling, Orders, Splitter

CHUNK = 65_536
PIECE_S = 0.05  # how often a slow wire lets something pass
HOLD_S = 0.3  # packets held back leave after so long without another one
CONNECT_S = 5.0
TIME_IS_UP = b"time is up"


class Direction(Enum):
    """Seen from whoever connected to the proxy."""

    OUT = "out"
    IN = "in"


class Proxy:
    """Passes connections on to 127.0.0.1:`to_port`; with a `topic` it understands MQTT."""

    def __init__(self, name: str, to_port: int, *, topic: str | None, rng: Random) -> None:
        self.name, self._to, self._rng = name, to_port, rng
        self._topic = topic
        self._writers: set[asyncio.StreamWriter] = set()
        self._moving = {direction: asyncio.Event() for direction in Direction}
        self._orders = {direction: Orders() for direction in Direction}
        self._rate: float | None = None
        self._refusing = False
        self.port = 0
        self.connections = 0

    @asynccontextmanager
    async def listening(self) -> AsyncIterator["Proxy"]:
        """Open inside the context, on a port of its own."""
        for moving in self._moving.values():
            moving.set()
        async with asyncio.TaskGroup() as group:

            def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                self.connections += 1
                group.create_task(self._serve(reader, writer), name=f"{self.name} connection")

            server = await asyncio.start_server(accepted, "127.0.0.1", 0)
            self.port = server.sockets[0].getsockname()[1]
            try:
                yield self
            finally:
                server.close()
                self._break()

    @property
    def touched(self) -> int:
        """How many packets were meddled with."""
        return sum(orders.touched for orders in self._orders.values())

    async def cut(self, for_s: float) -> None:
        """Break every connection, some without a good-bye, and refuse new ones for so long."""
        self._refusing = True
        self._break()
        try:
            await asyncio.sleep(for_s)
        finally:
            self._refusing = False

    async def slow(self, bytes_per_s: float, for_s: float) -> None:
        """So many bytes a second on each connection and direction."""
        self._rate = bytes_per_s
        try:
            await asyncio.sleep(for_s)
        finally:
            self._rate = None

    async def mute(self, direction: Direction, for_s: float) -> None:
        """Nothing passes in this direction; it waits."""
        self._moving[direction].clear()
        try:
            await asyncio.sleep(for_s)
        finally:
            self._moving[direction].set()

    async def meddle(self, meddling: Meddling, direction: Direction, share: float, for_s: float) -> None:
        """Double, reorder or change this share of the packets on the topic."""
        orders = self._orders[direction]
        orders.meddling, orders.share = meddling, share
        try:
            await asyncio.sleep(for_s)
        finally:
            orders.meddling = None

    def _break(self) -> None:
        for writer in list(self._writers):
            if self._rng.random() < 0.5:  # a reset instead of an orderly end
                with suppress(OSError):
                    writer.get_extra_info("socket").setsockopt(
                        socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
                    )
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            if not self._refusing:
                async with asyncio.timeout(CONNECT_S):
                    far = await asyncio.open_connection("127.0.0.1", self._to)
                await self._pass_on(reader, writer, *far)
        except (OSError, TimeoutError):
            return
        finally:
            writer.close()
            self._writers.discard(writer)

    async def _pass_on(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        far_reader: asyncio.StreamReader,
        far_writer: asyncio.StreamWriter,
    ) -> None:
        """Both directions until one of them ends."""
        self._writers.add(far_writer)
        pumps = [
            asyncio.create_task(self._pump(reader, far_writer, Direction.OUT)),
            asyncio.create_task(self._pump(far_reader, writer, Direction.IN)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            far_writer.close()
            self._writers.discard(far_writer)

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, direction: Direction
    ) -> None:
        splitter, meddler = Splitter(), Meddler(self._topic or "", self._orders[direction], self._rng)
        with suppress(OSError):
            while data := await _read(reader, HOLD_S if meddler.holding else None):
                if self._topic is None:
                    await self._write(data, writer, direction)
                    continue
                packets = meddler.release() if data is TIME_IS_UP else splitter.feed(data)
                for packet in packets:
                    for leaving in [packet] if data is TIME_IS_UP else meddler.take(packet):
                        await self._write(leaving, writer, direction)

    async def _write(self, data: bytes, writer: asyncio.StreamWriter, direction: Direction) -> None:
        """Out it goes, as fast as the wire is now."""
        while data:
            await self._moving[direction].wait()
            size = len(data) if self._rate is None else max(1, int(self._rate * PIECE_S))
            writer.write(data[:size])
            await writer.drain()
            data = data[size:]
            if self._rate is not None:
                await asyncio.sleep(PIECE_S)


async def _read(reader: asyncio.StreamReader, within_s: float | None) -> bytes:
    """What comes; b"" at the end, TIME_IS_UP when nothing comes in time."""
    try:
        async with asyncio.timeout(within_s):
            return await reader.read(CHUNK)
    except TimeoutError:
        return TIME_IS_UP
