"""A stranger on the broker who publishes rubbish where the city listens: it must be set aside and disturb nobody."""

import asyncio
import json
from collections.abc import Sequence
from contextlib import suppress
from random import Random

from runtime.mqtt import BrokerUrl, Connection, keep_connected
from telemetry import topics
from telemetry.topics import PackName

GATEWAY = "gw-rogue"
SITE = "rogue"
WITHIN_S = 5.0
MESSAGES = 8


async def say_rubbish(url: BrokerUrl, root: str, gateways: Sequence[str], rng: Random) -> int:
    """A few messages that nobody should believe; how many went out before the time was over."""
    said = 0

    async def say(connection: Connection) -> None:
        nonlocal said
        for _ in range(MESSAGES):
            topic, payload = message(root, rng.choice(gateways), rng)
            await connection.publish(topic, payload)
            said += 1

    with suppress(TimeoutError):
        async with asyncio.timeout(WITHIN_S):
            await keep_connected(url, f"rogue-{rng.getrandbits(32):08x}", say, rng=rng)
    return said


def message(root: str, gateway: str, rng: Random) -> tuple[str, bytes]:
    """A topic and a payload that nobody should believe; `gateway` is a real one, which listens."""
    name = PackName(GATEWAY, f"{rng.getrandbits(64):016x}", rng.randrange(100))
    noise = rng.randbytes(rng.randint(1, 200))
    return rng.choice(
        [
            (f"{root}/up/{SITE}", noise),
            (f"{root}/up/ff/{GATEWAY}/zz/-1", noise),
            (topics.up(root, SITE, name), noise),
            (topics.up(root, SITE, name), b"[" + b" " * 70_000 + b"]"),
            (topics.up(root, SITE, name), b'[{"n":"x/pm25","v":1}]'),
            (
                topics.up(root, SITE, name),
                json.dumps([{"bn": "x/", "site": SITE, "t": 5e9, "v": 1}]).encode(),
            ),
            (topics.birth(root, GATEWAY), noise),
            (topics.state(root, GATEWAY), b'{"gateway":"gw-other","online":true,"session":[1,1]}'),
            (topics.ack(root, gateway), noise),
            (topics.ack(root, gateway), b'{"abcd":[[0,1]],"time":"now"}'),
            (topics.do(root, gateway), noise),
        ]
    )
