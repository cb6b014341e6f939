"""Waiting for what must happen: as long as a busy machine may need, and no longer than it takes."""

import asyncio
from collections.abc import Callable

PATIENCE_S = 40.0


async def until(condition: Callable[[], object], every_s: float = 0.005) -> None:
    """Return when the condition holds; TimeoutError when it does not within PATIENCE_S."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(every_s)
