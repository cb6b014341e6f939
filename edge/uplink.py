"""The uplink: carries out what `edge.delivery` decides, over one MQTT link that is kept up for ever."""

import asyncio
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from random import Random

import msgspec
import structlog

from edge.clock import is_dated
from edge.delivery import LIVE_WINDOW_MS, Delivery, Key, Lane
from edge.journalthread import JournalThread
from edge.outside import KeepConnected
from edge.settings import EdgeConfig
from runtime.mqtt import Connection, LinkLostError, Message, Will, keep_connected
from telemetry import topics
from telemetry.messages import Ack, BadMessageError, Birth, Command, Epoch, State, decode_message

HEARTBEAT_S = 5.0
UNDATED_HEARTBEAT_S = 1.0  # each is answered with the hub's time
FAREWELL_S = 1.0
LOOK_S = 30.0  # a journal that says that nothing waits is asked all the same
IDLE_S = 1.0  # how long the sender sleeps at most: the rate cap of the backlog refills meanwhile

log = structlog.get_logger(__name__)
Session = tuple[int, int]


def _now() -> float:
    """The loop's own clock, which timers go by."""
    return asyncio.get_running_loop().time()


class Uplink:
    """Sends the journal's packs until ingest acknowledges them, and says that the gateway is alive.

    `birth` and `state` build the two messages for a session (boot, connect count); `clock` is the gateway's time in ms,
    `hub_time` hears the hub's with every acknowledgement.
    """

    def __init__(
        self,
        config: EdgeConfig,
        journal: JournalThread,
        *,
        clock: Callable[[], int],
        rng: Random,
        birth: Callable[[Session], Birth],
        state: Callable[[Session, bool], State],
        hub_time: Callable[[int], None],
        keep_connected: KeepConnected = keep_connected,
    ) -> None:
        self._config, self._journal, self._clock, self._rng = config, journal, clock, rng
        self._birth, self._state = birth, state
        self._hub_time, self._keep_connected = hub_time, keep_connected
        self._session: Session = (0, 0)
        self._outdated = asyncio.Event()
        self._delivery = Delivery(rng)
        self._wake = asyncio.Event()
        self._look_s, self._fresh = 0.0, True
        self._root = config.broker.root
        self._gateway = config.gateway
        self.connected = False
        self.waiting = 0
        self.last_ack_ms: int | None = None
        self.passes = 0  # of the loop that sends
        self._described = True
        # not to be guessed: a broker throws out who connects later under the same one, whoever it is
        self._client_id = f"halong-{config.gateway}-{rng.getrandbits(64):016x}"

    @property
    def set_aside(self) -> int:
        """Packs that broke the connection three times, or that the journal can no longer read."""
        return len(self._delivery.set_aside)

    def begin(self, boot: int) -> None:
        """The number of this life, above all before; when it changes, connect anew with it: also the will must carry it."""
        if boot != self._session[0]:
            self._session = (boot, 0)
            self._outdated.set()

    def committed(self) -> None:
        """The journal has new packs."""
        self._fresh = True
        self._wake.set()

    def describe_again(self) -> None:
        """What the birth says has changed: it goes out with the next heartbeat."""
        self._described = False

    async def run(self) -> None:
        """Connect, send, reconnect, for ever."""
        root, gateway = self._root, self._gateway
        listen = [
            topics.ack(root, gateway),
            topics.do(root, gateway),
            topics.ingest(root),
            topics.ingest(root, topics.partition(self._config.site.id)),
        ]
        await self._keep_connected(
            self._config.broker.address(self._config.broker.url, os.environ),
            self._client_id,
            self._talk,
            subscriptions=listen,
            will=self._will,
            rng=self._rng,
            on_change=self._on_change,
        )

    async def drain(self, timeout_s: float) -> bool:
        """Wait until every pack is acknowledged, at most `timeout_s`; False when some are left."""
        try:
            async with asyncio.timeout(timeout_s):
                while self._journal.waiting > len(self._delivery.set_aside):
                    await asyncio.sleep(0.05)
        except TimeoutError:
            return False
        return True

    async def _renew(self) -> None:
        await self._outdated.wait()
        raise LinkLostError("the session has a number of its own now")

    def _will(self) -> Will:
        self._outdated.clear()
        self._session = (self._session[0], self._session[1] + 1)
        gone = State(self._gateway, online=False, session=self._session)
        return Will(topics.state(self._root, self._gateway), msgspec.json.encode(gone))

    def _on_change(self, up: bool) -> None:
        self.connected = up
        if up:
            self._delivery.connected(_now())
            return
        for journal, seq in self._delivery.disconnected(_now()):
            log.error("pack set aside for a while: it broke the connection", journal=journal, seq=seq)

    async def _talk(self, connection: Connection) -> None:
        try:
            await self._introduce(connection)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._listen(connection), name="listen")
                group.create_task(self._send(connection), name="send")
                group.create_task(self._beat(connection), name="heartbeat")
                group.create_task(self._renew(), name="session")
        except asyncio.CancelledError:
            with suppress(LinkLostError, TimeoutError):
                async with asyncio.timeout(FAREWELL_S):
                    await self._say_state(connection, online=False)
            raise

    async def _introduce(self, connection: Connection) -> None:
        self._described = True
        birth = msgspec.json.encode(self._birth(self._session))
        await connection.publish(topics.birth(self._root, self._gateway), birth, retain=True)
        await self._say_state(connection, online=True)

    async def _say_state(self, connection: Connection, *, online: bool) -> None:
        state = msgspec.json.encode(self._state(self._session, online))
        await connection.publish(topics.state(self._root, self._gateway), state, retain=True)

    async def _beat(self, connection: Connection) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_S if is_dated(self._clock()) else UNDATED_HEARTBEAT_S)
            self.waiting = self._journal.waiting
            await (
                self._say_state(connection, online=True) if self._described else self._introduce(connection)
            )

    async def _listen(self, connection: Connection) -> None:
        async for message in connection.messages():
            try:
                await self._hear(message, connection)
            except BadMessageError as error:
                log.warning("message ignored", topic=message.topic, reason=str(error))
            self._wake.set()
        raise LinkLostError("the stream of messages ended")

    async def _hear(self, message: Message, connection: Connection) -> None:
        now = _now()
        if message.topic == topics.ack(self._root, self._gateway):
            ack = Ack.decode(message.payload)
            self.last_ack_ms = self._clock()
            self._delivery.heard_ack(ack, now)
            self._hub_time(ack.time_ms)
            if ack.stored:
                await self._journal.acknowledge(ack.stored, self._clock())
        elif message.topic == topics.do(self._root, self._gateway):
            command = decode_message(Command, message.payload)
            if command.resend is not None:
                marked = await self._journal.resend(*command.resend)
                log.info("re-sending on request", packs=marked)
        elif message.payload and self._delivery.heard_epoch(decode_message(Epoch, message.payload), now):
            await self._introduce(connection)

    async def _send(self, connection: Connection) -> None:
        while True:
            self._wake.clear()
            self.passes += 1
            if not await self._send_once(connection):
                try:
                    idle_s = IDLE_S if self._journal.waiting else LOOK_S
                    async with asyncio.timeout(min(idle_s, self._delivery.wake_in(_now()))):
                        await self._wake.wait()
                except TimeoutError:
                    continue

    async def _send_once(self, connection: Connection) -> int:
        """Send what the plan allows; how many packs went."""
        now, wall = _now(), self._clock()
        for journal, seq in self._delivery.recall(now):
            log.warning("trying a pack again that was set aside", journal=journal, seq=seq)
        plan = self._delivery.plan(now)
        known = self._delivery.known
        live = backlog = []
        # Else all is on its way.
        looks = self._fresh or self._journal.waiting > len(known) or now >= self._look_s
        if looks:
            self._look_s = now + LOOK_S
            self._fresh = self._fresh and not plan.live
        if plan.live and looks:
            rows = await self._journal.live(wall - LIVE_WINDOW_MS, plan.live, known)
            live = [(row.journal, row.seq) for row in rows]
        if plan.backlog and looks and len(live) < plan.live:
            rows = await self._journal.backlog(
                wall - LIVE_WINDOW_MS, min(plan.backlog, plan.live - len(live)), known
            )
            backlog = [(row.journal, row.seq) for row in rows]
        self._delivery.sent(plan.resend, Lane.LIVE, now)
        self._delivery.sent(live, Lane.LIVE, now)
        self._delivery.sent(backlog, Lane.BACKLOG, now)
        keys = [*plan.resend, *live, *backlog]
        await self._publish(connection, keys)
        return len(keys)

    async def _publish(self, connection: Connection, keys: Sequence[Key]) -> None:
        async with asyncio.TaskGroup() as group:
            for key in keys:
                group.create_task(self._publish_one(connection, key))

    async def _publish_one(self, connection: Connection, key: Key) -> None:
        journal, seq = key
        payload = await self._journal.payload(journal, seq)
        if payload is None:
            self._delivery.forget(key, _now())
            log.error("the journal cannot give a pack, set aside for a while", journal=journal, seq=seq)
            return
        name = topics.PackName(self._gateway, journal, seq)
        await connection.publish(topics.up(self._root, self._config.site.id, name, payload), payload)
        self._delivery.arrived(key)
