"""`halong resend`: a gateway is asked to send a period of its journal once more."""

import asyncio
import os
from random import Random

import msgspec

from runtime.mqtt import BrokerUrl, Connection, keep_connected
from telemetry import topics
from telemetry.inventory import check_id
from telemetry.messages import Command


async def ask_resend(gateway: str, start_ms: int, end_ms: int, broker: str, root: str) -> None:
    """Publish the command; raises ValueError, or OSError when the broker is away."""
    check_id(gateway)
    url = BrokerUrl.of_command(broker, os.environ)
    payload = msgspec.json.encode(Command(resend=(start_ms, end_ms)))

    async def tell(connection: Connection) -> None:
        await connection.publish(topics.do(root, gateway), payload)

    try:
        await asyncio.wait_for(keep_connected(url, f"halong-resend-{gateway}", tell, rng=Random(0)), 10)
    except TimeoutError:
        raise OSError(f"no answer from the broker at {url.host}:{url.port}") from None
