"""A broker that forgets who has subscribed: real mosquitto behind a wire that keeps what it publishes to itself."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

PUBLISH, SUBSCRIBE = 3, 8


class ForgetfulBroker:
    """Connections that are open when it is told to `forget` stay up, answer pings and acknowledge, and bring nothing more.

    Later ones bring everything. `topics` narrows it to messages whose topic ends so.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or 1883
        self._muted: set[int] = set()
        self._ending = ""
        self.connections = 0
        self.kept_back = self.subscribed = 0
        self.url = ""

    def forget(self, ending: str = "") -> None:
        """From now on, for everyone who is connected."""
        self._muted = set(range(self.connections))
        self._ending = ending

    @asynccontextmanager
    async def listening(self) -> AsyncIterator["ForgetfulBroker"]:
        """Open for the block."""
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.url = f"mqtt://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            server.close()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number, self.connections = self.connections, self.connections + 1
        inner_reader, inner_writer = await asyncio.open_connection(self._host, self._port)
        ways = [
            asyncio.create_task(self._pass(reader, inner_writer)),
            asyncio.create_task(self._filter(number, inner_reader, writer)),
        ]
        with suppress(asyncio.CancelledError):
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        for end in (writer, inner_writer):
            end.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            while True:
                packet, _ = await _packet(reader)
                self.subscribed += packet[0] >> 4 == SUBSCRIBE
                writer.write(packet)

    async def _filter(self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            while True:
                packet, topic = await _packet(reader)
                if packet[0] >> 4 == PUBLISH and number in self._muted and topic.endswith(self._ending):
                    self.kept_back += 1
                else:
                    writer.write(packet)


async def _packet(reader: asyncio.StreamReader) -> tuple[bytes, str]:
    """One MQTT control packet (MQTT 3.1.1 section 2.2), and its topic when it is a PUBLISH."""
    head = await reader.readexactly(2)
    length, shift = head[1] & 0x7F, 7
    while head[-1] & 0x80:
        head += await reader.readexactly(1)
        length |= (head[-1] & 0x7F) << shift
        shift += 7
    body = await reader.readexactly(length)
    topic = body[2 : 2 + int.from_bytes(body[:2], "big")] if head[0] >> 4 == PUBLISH else b""
    return head + body, topic.decode()
