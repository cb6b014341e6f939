"""How an agent reaches the world: its serial ports and its broker. Tests bring a street and a broker of their own."""

from collections.abc import Awaitable, Callable, Sequence
from random import Random
from typing import NamedTuple, Protocol

from edge.line import Line, OpenLine
from runtime.mqtt import BrokerUrl, Connection, Will, keep_connected


class KeepConnected(Protocol):
    """See runtime.mqtt.keep_connected."""

    async def __call__(
        self,
        url: BrokerUrl,
        client_id: str,
        session: Callable[[Connection], Awaitable[None]],
        *,
        subscriptions: Sequence[str] = (),
        will: Will | Callable[[], Will] | None = None,
        rng: Random,
        on_change: Callable[[bool], None] = lambda up: None,
    ) -> None: ...


class Outside(NamedTuple):
    """The real one."""

    open_line: OpenLine = Line.open
    keep_connected: KeepConnected = keep_connected


REAL = Outside()
