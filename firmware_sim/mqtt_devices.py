"""Devices that publish over MQTT: each keeps what the broker has not acknowledged, and sends it again unchanged."""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from random import Random
from typing import NamedTuple

from runtime.mqtt import BrokerUrl, Connection, LinkLostError, keep_connected

BUFFER = 600  # messages of all devices; full: the oldest is dropped and told


class Outgoing(NamedTuple):
    """A message of one device."""

    sensor: str
    topic: str
    payload: bytes
    at_ms: int


class Publisher:
    """One connection for all MQTT devices of the city. `dropped` hears of what the buffer could not keep."""

    def __init__(self, broker: BrokerUrl, *, rng: Random, dropped: Callable[[Outgoing], None]) -> None:
        self._broker, self._rng, self._dropped = broker, rng, dropped
        self._waiting: deque[Outgoing] = deque()
        self._news = asyncio.Event()

    def put(self, message: Outgoing) -> None:
        """Send this as soon as possible."""
        if len(self._waiting) == BUFFER:
            self._dropped(self._waiting.popleft())
        self._waiting.append(message)
        self._news.set()

    async def run(self) -> None:
        """Publish for ever, in order."""
        await keep_connected(
            self._broker, f"street-{self._rng.getrandbits(32):08x}", self._publish, rng=self._rng
        )

    async def flush(self, timeout_s: float) -> None:
        """Return when nothing is waiting, or after `timeout_s`."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while self._waiting:
                    await asyncio.sleep(0.02)

    async def _publish(self, connection: Connection) -> None:
        watching = asyncio.create_task(_watch(connection), name="watch")
        try:
            while True:
                while self._waiting and not watching.done():
                    message = self._waiting[0]
                    await connection.publish(message.topic, message.payload)
                    if self._waiting and self._waiting[0] is message:
                        self._waiting.popleft()
                if watching.done():
                    await watching
                self._news.clear()
                waking = asyncio.create_task(self._news.wait())
                await asyncio.wait({waking, watching}, return_when=asyncio.FIRST_COMPLETED)
                waking.cancel()
        finally:
            watching.cancel()


async def _watch(connection: Connection) -> None:
    """Nothing is subscribed; this ends when the link does."""
    async for _ in connection.messages():
        continue
    raise LinkLostError("the stream of messages ended")
