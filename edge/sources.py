"""Devices that publish over MQTT: one link per broker, each message handed to the sources whose topic it matches."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from random import Random

import msgspec
import structlog

from edge.clock import is_dated
from edge.driver import BadFrameError
from edge.formats.contract import Arrival, Format, Outgoing
from edge.payloads import Dated, JsonMapping, SenmlMapping
from edge.publishers import MqttSource
from edge.settings import EdgeConfig
from runtime.mqtt import BrokerUrl, Connection, LinkLostError, Message, keep_connected
from runtime.patience import Patience
from telemetry.messages import PortCounters
from telemetry.reading import Reading
from telemetry.senml import RELATIVE_BELOW
from telemetry.times import DAY_MS

FIRST_TIME_MS = RELATIVE_BELOW * 1000
ASK_EVERY_S = 60.0
MUTE_PERIODS = 5
MUTE_LEAST_S = 30.0
LOOK_EVERY_S = 1.0
NEAR_MS = 400 * DAY_MS
LAST_TIME_MS = 253_402_300_799_999  # the end of the year 9999

log = structlog.get_logger(__name__)
Deliver = Callable[[Sequence[Reading]], Awaitable[None]]
OnBad = Callable[[str, int], None]


def matches(topic_filter: str, topic: str) -> bool:
    """Does the topic match the filter, with its + and # (MQTT 3.1.1 section 4.7)?"""
    wanted, given = topic_filter.split("/"), topic.split("/")
    if wanted[-1] == "#":
        wanted, given = wanted[:-1], given[: len(wanted) - 1]
    return len(wanted) == len(given) and all(w in ("+", g) for w, g in zip(wanted, given, strict=True))


class Source:
    """One publishing device: its payloads become readings. Opens nothing; `on_bad` hears (sensor, messages) dropped."""

    def __init__(self, settings: MqttSource, on_bad: OnBad = lambda sensor, messages: None) -> None:
        self.settings, self._on_bad = settings, on_bad
        self._mapping: JsonMapping | SenmlMapping | Format = settings.mapping()
        self._asks: list[Outgoing] = []
        self._frames = self._bad = self._readings = 0
        self._last_ms: int | None = None
        self._complained = False
        self._heard_s: float | None = None
        self._patience: Patience | None = None
        self._mute = ""
        self._log = log.bind(sensor=settings.sensor, topic=settings.topic)

    def counters(self, *, up: bool) -> PortCounters:
        """What this source has sent since the agent's start."""
        return PortCounters(
            self.settings.topic,
            up,
            self._frames,
            self._bad,
            self._readings,
            self._last_ms,
            problem=self._mute,
        )

    def watch(self, patience: Patience) -> None:
        """Expect it to go on once it has spoken."""
        if self._patience is None and self.settings.period_s > 0:
            self._patience = patience

    def heard(self, now_s: float) -> None:
        """A message came, good or bad."""
        if self._mute:
            self._log.info("source speaks again")
        self._mute, self._heard_s = "", now_s
        if self._patience is not None:
            self._patience.heard(now_s)

    def resumed(self, now_s: float) -> None:
        """The link is up again."""
        if self._patience is not None:
            self._patience.resumed(now_s)

    def has_gone_mute(self, now_s: float) -> bool:
        """Whether it has spoken and is silent for too long; told once, then again after twice the time."""
        if self._patience is None or not self._patience.is_over(now_s):
            return False
        silent_s = now_s - (self._heard_s or now_s)
        self._mute = f"nothing heard for {silent_s:.0f} s"
        self._log.warning("source is mute, connecting or subscribing again", silent_s=round(silent_s))
        return True

    def readings(self, message: Message, now_ms: int) -> list[Reading]:
        """What the message reports; a bad payload is counted and gives nothing.

        A retained message without a time of its own is an old value of unknown age: it gives nothing either.
        """
        try:
            found = self._decode(message, now_ms)
            _check_times(found, now_ms)
        except BadFrameError as error:
            self._bad += 1
            self._on_bad(self.settings.sensor, 1)
            if not self._complained:
                self._log.warning("source sends what cannot be read", reason=str(error))
            self._complained = True
            return []
        self._frames += 1
        self._complained = False
        readings = [
            Reading(self.settings.sensor, quantity, now_ms if time_ms is None else time_ms, value, flags)
            for quantity, value, time_ms, flags in found
            if not (message.retain and time_ms is None)
        ]
        if readings:
            self._readings += len(readings)
            self._last_ms = max(reading.observed_at for reading in readings)
        return readings

    def outgoing(self) -> list[Outgoing]:
        """What the source asked to be sent since the last call."""
        asks, self._asks = self._asks, []
        return asks

    def _decode(self, message: Message, now_ms: int) -> Sequence[Dated]:
        match self._mapping:
            case JsonMapping() as mapping:
                return mapping.decode(message.payload)
            case SenmlMapping() as mapping:
                return mapping.decode(message.payload, now_ms)
            case format_:
                understood = format_.understand(Arrival(message.payload, message.topic, now_ms))
                self._asks = list(understood.asks)
                return understood.dated


def _check_times(found: Sequence[Dated], now_ms: int) -> None:
    """A pack can only carry absolute times of four-digit years; whether they are plausible, ingest judges.

    Near an undated `now_ms` are times relative to it."""
    for dated in found:
        if dated.time_ms is None or FIRST_TIME_MS <= dated.time_ms <= LAST_TIME_MS:
            continue
        if is_dated(now_ms) or abs(dated.time_ms - now_ms) > NEAR_MS:
            raise BadFrameError(f"time {dated.time_ms} ms is out of range")


class SourceLink:
    """One broker with the sources that publish there. `deliver` may wait: then messages wait in the client.

    What sources ask to be sent goes out at most once a minute for each topic, however many sources ask.
    """

    def __init__(
        self,
        broker: BrokerUrl,
        client_id: str,
        sources: Sequence[Source],
        *,
        deliver: Deliver,
        clock: Callable[[], int],
        rng: Random,
        on_bad: OnBad = lambda sensor, messages: None,
        mute_least_s: float = MUTE_LEAST_S,
    ) -> None:
        self._mute_least_s, self._heard_s = mute_least_s, 0.0
        self._broker, self._client_id, self._sources, self._on_bad = broker, client_id, list(sources), on_bad
        self._changed = asyncio.Event()
        self._deliver, self._clock, self._rng = deliver, clock, rng
        self._asked: dict[str, float] = {}
        self._up = False
        self.name = client_id

    def counters(self) -> list[PortCounters]:
        """One entry a source."""
        return [source.counters(up=self._up) for source in self._sources]

    async def run(self) -> None:
        """Stay connected and listen, for ever."""
        await keep_connected(
            self._broker,
            self._client_id,
            self._listen,
            subscriptions=self._topics,
            rng=self._rng,
            on_change=self._on_change,
        )

    def follow(self, sources: Sequence[MqttSource]) -> None:
        """These publish from now on; a source that has not changed goes on where it is. Raises ValueError for a bad mapping."""
        known = {msgspec.json.encode(source.settings): source for source in self._sources}
        if list(known) == [msgspec.json.encode(settings) for settings in sources]:
            return
        self._sources = [
            known.get(msgspec.json.encode(settings)) or Source(settings, self._on_bad) for settings in sources
        ]
        self._changed.set()

    def _topics(self) -> list[str]:
        return list(dict.fromkeys(source.settings.topic for source in self._sources))

    def _on_change(self, up: bool) -> None:
        self._up = up

    async def _listen(self, connection: Connection) -> None:
        heard = self._topics()
        self._changed.set()  # they may have changed while the subscription was on its way
        for source in self._sources:
            source.resumed(asyncio.get_running_loop().time())
        async with asyncio.TaskGroup() as group:
            group.create_task(self._hear(connection), name="listen")
            group.create_task(self._watch(connection), name="mute")
            group.create_task(self._resubscribe(connection, heard), name="subscribe")

    async def _watch(self, connection: Connection) -> None:
        """A source that had data and is silent for some periods is subscribed again; when the whole link is, it is connected
        again: a broker can forget a subscription and keep the connection."""
        loop = asyncio.get_running_loop()
        while True:
            for source in self._sources:
                patience_s = max(self._mute_least_s, MUTE_PERIODS * source.settings.period_s)
                source.watch(Patience(patience_s))
            await asyncio.sleep(min(LOOK_EVERY_S, self._mute_least_s))
            mute = [source for source in self._sources if source.has_gone_mute(loop.time())]
            if mute and loop.time() - self._heard_s > self._mute_least_s:
                raise LinkLostError(f"nothing heard for {loop.time() - self._heard_s:.0f} s")
            if mute:
                await connection.subscribe([source.settings.topic for source in mute])

    async def _resubscribe(self, connection: Connection, heard: Sequence[str]) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            wanted = self._topics()
            if come := [topic for topic in wanted if topic not in heard]:
                await connection.subscribe(come)
            if gone := [topic for topic in heard if topic not in wanted]:
                await connection.unsubscribe(gone)
            heard = wanted

    async def _hear(self, connection: Connection) -> None:
        async for message in connection.messages():
            await self.take(connection, message)
        raise LinkLostError("the stream of messages ended")

    async def take(self, connection: Connection, message: Message) -> None:
        """Hand one message to the sources it is for, and send what they ask for."""
        now_ms, now_s = self._clock(), asyncio.get_running_loop().time()
        if not message.retain:
            self._heard_s = now_s
        for source in self._sources:
            if matches(source.settings.topic, message.topic):
                if not message.retain:
                    source.heard(now_s)
                await self._deliver(source.readings(message, now_ms))
                await self._ask(connection, source.outgoing())

    async def _ask(self, connection: Connection, asks: Sequence[Outgoing]) -> None:
        now_s = asyncio.get_running_loop().time()
        for ask in asks:
            self._asked = {topic: at for topic, at in self._asked.items() if now_s - at < ASK_EVERY_S}
            if ask.topic not in self._asked:
                self._asked[ask.topic] = now_s
                log.info("asking for births", topic=ask.topic)
                await connection.publish(ask.topic, ask.payload, qos=0)


def build_links(
    config: EdgeConfig,
    deliver: Deliver,
    clock: Callable[[], int],
    rng: Random,
    on_bad: OnBad = lambda sensor, messages: None,
) -> list[SourceLink]:
    """A link for each broker that sources publish to, nothing opened; raises ValueError for a bad mapping."""
    by_broker: dict[BrokerUrl, list[Source]] = {}
    for settings in config.mqtt:
        broker = config.publishes_to(settings, os.environ)
        by_broker.setdefault(broker, []).append(Source(settings, on_bad))
    return [
        SourceLink(
            broker,
            f"halong-{config.gateway}-sources-{rng.getrandbits(64):016x}",
            sources,
            deliver=deliver,
            clock=clock,
            rng=rng,
            on_bad=on_bad,
        )
        for broker, sources in by_broker.items()
    ]
