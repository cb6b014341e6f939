"""`halong resend`: a command to a gateway."""

import asyncio
from random import Random
from uuid import uuid4

from halong.resend import ask_resend
from runtime.mqtt import BrokerUrl, Connection, keep_connected
from telemetry.messages import Command, decode_message

T = 1_700_000_000_000
PATIENCE_S = 30.0


async def test_resend_reaches_the_gateway(mosquitto_url: str) -> None:
    root, got, listening = f"test-{uuid4().hex}", [], asyncio.Event()

    async def session(connection: Connection) -> None:
        listening.set()
        async for message in connection.messages():
            got.append(message)
            return

    async with asyncio.timeout(PATIENCE_S):
        gateway = asyncio.create_task(
            keep_connected(
                BrokerUrl.parse(mosquitto_url),
                "gw",
                session,
                subscriptions=[f"{root}/do/gw-1"],
                rng=Random(1),
            )
        )
        await listening.wait()
        await ask_resend("gw-1", T, T + 1500, mosquitto_url, root)
        await gateway
    assert not got[0].retain
    assert decode_message(Command, got[0].payload) == Command(resend=(T, T + 1500))
