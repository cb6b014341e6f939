"""The link to the gateways: packs into a bounded queue, control messages to their listener, answers out."""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from random import Random
from typing import NamedTuple

import msgspec
import structlog

from ingest.account import Account
from ingest.batch import Packet
from runtime.mqtt import BrokerUrl, Connection, LinkLostError, Message, Will, keep_connected
from runtime.patience import Patience
from telemetry import topics
from telemetry.messages import Epoch

INBOX_MESSAGES = 4096
INBOX_BYTES = 64 * 1024 * 1024
OUTBOX_MESSAGES = 4096
TOGETHER = 64  # answers on the wire at once
FAREWELL_S = 1.0
MUTE_S = 30.0  # six heartbeats of every gateway
MUTE_LONGEST_S = 600.0
LOOK_EVERY_S = 1.0

log = structlog.get_logger(__name__)


class Inbox:
    """Packets between link and judge, bounded by number and by bytes. Full: the newcomer is refused, unacknowledged."""

    def __init__(self, messages: int = INBOX_MESSAGES, payload_bytes: int = INBOX_BYTES) -> None:
        self._packets: deque[Packet] = deque()
        self._held: deque[Packet] = deque()
        self._most, self._most_bytes = messages, payload_bytes
        self._filled = asyncio.Event()
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._packets) + len(self._held)

    def offer(self, packet: Packet) -> bool:
        """Take the packet; False when there is no room. An empty queue takes a packet of any size."""
        full = len(self) >= self._most or self.bytes + len(packet.payload) > self._most_bytes
        if full and (self._packets or self._most == 0):
            return False
        self._packets.append(packet)
        self.bytes += len(packet.payload)
        self._filled.set()
        return True

    async def wait(self) -> None:
        """Return when there is a packet."""
        await self._filled.wait()

    def pop(self) -> Packet | None:
        """The oldest packet; None when there is none."""
        if not self._packets:
            return None
        packet = self._packets.popleft()
        self.bytes -= len(packet.payload)
        if not self._packets:
            self._filled.clear()
        return packet

    def hold(self, packet: Packet) -> None:
        """Put one that was popped aside until `release`."""
        self._held.append(packet)
        self.bytes += len(packet.payload)

    def release(self) -> None:
        """What was held is the oldest again."""
        self._packets.extendleft(reversed(self._held))
        self._held.clear()
        if self._packets:
            self._filled.set()

    def flush(self) -> int:
        """Throw everything away; how many packets."""
        gone = len(self)
        self._packets.clear()
        self._held.clear()
        self._filled.clear()
        self.bytes = 0
        return gone


class Answer(NamedTuple):
    """A message to send."""

    topic: str
    payload: bytes
    retain: bool = False


class Link:
    """Ingest's connection to the broker. Every connection has its own epoch: what was on the way is sent again.

    `hear` takes births and states, `on_change` every up and down, `expects` says whether some gateway should be heard.
    """

    def __init__(
        self,
        *,
        broker: BrokerUrl,
        root: str,
        clock: Callable[[], int],
        rng: Random,
        inbox: Inbox,
        account: Account,
        hear: Callable[[Message], None],
        on_change: Callable[[bool], None],
        expects: Callable[[], bool] = lambda: False,
        mute_s: float = MUTE_S,
    ) -> None:
        self._expects, self._mute_s = expects, mute_s
        self._patience = Patience(mute_s, longest_s=MUTE_LONGEST_S)
        self._broker, self._root, self._clock, self._rng = broker, root, clock, rng
        self._inbox, self._account, self._hear, self._on_change = inbox, account, hear, on_change
        self._process = f"{rng.getrandbits(32):08x}"
        # not to be guessed: a broker throws out who connects later under the same one, whoever it is
        self.client_id = f"halong-ingest-{rng.getrandbits(64):016x}"
        self._connections = 0
        self._outbox: asyncio.Queue[Answer] = asyncio.Queue(OUTBOX_MESSAGES)
        self.connected = False

    async def run(self) -> None:
        """Connect, listen, answer, reconnect, for ever."""
        await keep_connected(
            self._broker,
            self.client_id,
            self._talk,
            subscriptions=[f"{self._root}/up/#", f"{self._root}/birth/+", f"{self._root}/state/+"],
            will=self._will,
            rng=self._rng,
            on_change=self._changed,
        )

    def say(self, topic: str, payload: bytes, *, retain: bool = False) -> bool:
        """Send when possible. Without a connection, or with too much waiting, it is dropped, counted, and False."""
        if not self.connected or self._outbox.full():
            self._account.answers_dropped += 1
            return False
        self._outbox.put_nowait(Answer(topic, payload, retain))
        return True

    def _changed(self, up: bool) -> None:
        self.connected = up
        while not self._outbox.empty():
            self._outbox.get_nowait()
            self._account.answers_dropped += 1
        self._on_change(up)

    def _epoch(self, *, online: bool) -> bytes:
        return msgspec.json.encode(Epoch(f"{self._process}-{self._connections}", online))

    def _will(self) -> Will:
        self._connections += 1
        return Will(topics.ingest(self._root), self._epoch(online=False))

    async def _talk(self, connection: Connection) -> None:
        try:
            await connection.publish(topics.ingest(self._root), self._epoch(online=True), retain=True)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._listen(connection), name="listen")
                group.create_task(self._answer(connection), name="answer")
                group.create_task(self._watch(), name="mute")
        except asyncio.CancelledError:
            with suppress(LinkLostError, TimeoutError):
                async with asyncio.timeout(FAREWELL_S):
                    await connection.publish(
                        topics.ingest(self._root), self._epoch(online=False), retain=True
                    )
            raise

    async def _listen(self, connection: Connection) -> None:
        up = f"{self._root}/up"
        loop = asyncio.get_running_loop()
        async for message in connection.messages():
            if not message.retain:
                self._patience.heard(loop.time())
            if not message.topic.startswith(up):
                self._hear(message)
            elif self._inbox.offer(Packet(message.topic, message.payload, self._clock())):
                self._account.accepted()
            else:
                self._account.refused()
        raise LinkLostError("the stream of messages ended")

    async def _watch(self) -> None:
        """A connection that is up and brings nothing, while gateways should beat, is one that a broker has forgotten."""
        loop = asyncio.get_running_loop()
        self._patience.expected(loop.time())
        while True:
            await asyncio.sleep(min(LOOK_EVERY_S, self._mute_s))
            if not self._expects():
                self._patience.expected(loop.time())
                continue
            silent_s = self._patience.silent_s(loop.time())
            if self._patience.is_over(loop.time()):
                self._account.links_mute += 1
                log.warning(
                    "gateways should beat and nothing is heard, connecting again", silent_s=round(silent_s)
                )
                raise LinkLostError(f"nothing heard for {silent_s:.0f} s")

    async def _answer(self, connection: Connection) -> None:
        while True:
            answers = [await self._outbox.get()]
            while len(answers) < TOGETHER and not self._outbox.empty():
                answers.append(self._outbox.get_nowait())
            async with asyncio.TaskGroup() as group:
                for topic, payload, retain in answers:
                    group.create_task(connection.publish(topic, payload, retain=retain))
