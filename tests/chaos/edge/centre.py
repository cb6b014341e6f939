"""The other end in virtual time: a broker that can be out of reach, and a hub that keeps what it is sent and says so."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from random import Random

import msgspec

from runtime.mqtt import BrokerUrl, LinkLostError, Message, Will
from telemetry import topics, undatable
from telemetry.manifest import Manifest
from telemetry.messages import Ack, Epoch, Ranges
from telemetry.packs import decode_pack
from telemetry.reading import Reading

ROUND_TRIP_S = 0.05
AGAIN_S = (0.2, 5.0)


class Link:
    """What `runtime.mqtt.Connection` is to the uplink."""

    def __init__(self, centre: "Centre") -> None:
        self._centre = centre
        self._inbox: asyncio.Queue[Message | None] = asyncio.Queue()

    async def publish(self, topic: str, payload: bytes, *, retain: bool = False, qos: int = 1) -> None:
        await asyncio.sleep(ROUND_TRIP_S)
        if self._centre.link is not self:
            raise LinkLostError("no route to the broker")
        self._centre.hear(topic, payload)

    async def messages(self) -> AsyncIterator[Message]:
        while (message := await self._inbox.get()) is not None:
            yield message
        raise LinkLostError("no route to the broker")

    def deliver(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        self._inbox.put_nowait(Message(topic, payload, retain))

    def cut(self) -> None:
        self._inbox.put_nowait(None)


class Centre:
    """`true_ms` is the hub's clock, which is right."""

    def __init__(self, root: str, gateway: str, true_ms: Callable[[], int]) -> None:
        self._root, self._gateway, self._true_ms = root, gateway, true_ms
        self._up = asyncio.Event()
        self._up.set()
        self.link: Link | None = None
        self.packs: list[tuple[int, int]] = []  # (when it came, newest observation inside), both true ms
        self.stored: list[Reading] = []
        self.undatable = 0  # readings set aside as such
        self.manifests: dict[tuple[str, str, int], Manifest] = {}

    def reachable(self, up: bool) -> None:
        """The uplink of the cabinet is there, or not."""
        if up:
            self._up.set()
            return
        self._up.clear()
        if self.link is not None:
            link, self.link = self.link, None
            link.cut()

    def dead(self) -> None:
        """The gateway has no power: what it sends from now on comes nowhere."""
        self.link = None

    async def keep_connected(
        self,
        url: BrokerUrl,
        client_id: str,
        session: Callable[[Link], Awaitable[None]],
        *,
        subscriptions: Sequence[str] = (),
        will: Will | Callable[[], Will] | None = None,
        rng: Random,
        on_change: Callable[[bool], None] = lambda up: None,
    ) -> None:
        """For edge.outside.Outside."""
        while True:
            await self._up.wait()
            if callable(will):
                will()
            self.link = link = Link(self)
            link.deliver(
                topics.ingest(self._root), msgspec.json.encode(Epoch("one", online=True)), retain=True
            )
            on_change(True)
            try:
                await session(link)
            except* LinkLostError:
                pass
            else:
                return
            finally:
                on_change(False)
            await asyncio.sleep(rng.uniform(*AGAIN_S))

    def hear(self, topic: str, payload: bytes) -> None:
        """Keep a pack and acknowledge it."""
        parsed = topics.parse_up(self._root, topic)
        if (
            parsed is None
        ):  # a birth or a heartbeat: answered, so that a gateway with nothing to send has the time
            self._acknowledge({})
            return
        name = parsed.name
        if (timeless := undatable.decode(payload)) is not None:
            self.undatable += len(timeless.records)
        else:
            pack = decode_pack(payload)
            self.packs.append((self._true_ms(), max((r.observed_at for r in pack.readings), default=0)))
            self.stored += pack.readings
            for one in pack.manifests:
                self.manifests[one.sensor, one.journal, one.hour_ms] = one
        self._acknowledge({name.journal: [(name.seq, name.seq)]})

    def _acknowledge(self, stored: dict[str, Ranges]) -> None:
        ack, link = Ack(stored, self._true_ms(), 16), self.link
        asyncio.get_running_loop().call_later(ROUND_TRIP_S, self._answer, link, ack.encode())

    def _answer(self, link: Link | None, ack: bytes) -> None:
        if link is not None and link is self.link:
            link.deliver(topics.ack(self._root, self._gateway), ack)
