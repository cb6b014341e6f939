"""The MQTT link: one connection that is kept up for ever, on any broker with its defaults (MQTT 3.1.1, QoS 1).

The only module that imports aiomqtt. A broker that is away is a state, not an error: the link waits with jittered
back-off and connects again, subscribing anew every time, because no broker here is trusted to remember a session.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from random import Random
from typing import Any, NamedTuple

import aiomqtt
import structlog
from paho.mqtt.client import Client, DisconnectFlags, MQTTv311
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from runtime.brokerurl import BrokerUrl as BrokerUrl
from runtime.forgiving import forgive

KEEPALIVE_S = 15
CONNECT_TIMEOUT_S = 10.0
PUBLISH_TIMEOUT_S = 20.0
TOLD_AGAIN_S = 5.0  # a session that was told to end and goes on is told again
BACKOFF_FIRST_S = 0.2
BACKOFF_LAST_S = 5.0
INCOMING_MAX = (
    10_000  # messages between the socket and the session; more are dropped and counted by aiomqtt's log
)

log = structlog.get_logger(__name__)


class LinkLostError(Exception):
    """The connection broke; the message may or may not have arrived."""


class Will(NamedTuple):
    """What the broker says for us when we are gone; always retained, QoS 1."""

    topic: str
    payload: bytes


class Message(NamedTuple):
    """One message from the broker."""

    topic: str
    payload: bytes
    retain: bool


class _Client(aiomqtt.Client):
    """aiomqtt 2.5 sits its whole timeout out when a broker hangs up instead of answering CONNECT."""

    def _on_disconnect(
        self,
        client: Client,
        userdata: Any,
        flags: DisconnectFlags,
        reason_code: ReasonCode,
        properties: Properties | None = None,
    ) -> None:
        if self._connected.done():
            super()._on_disconnect(client, userdata, flags, reason_code, properties)
        else:
            self._connected.set_exception(
                aiomqtt.MqttError(
                    "the broker hung up instead of answering (over TLS: it may refuse our certificate)"
                )
            )


class Connection:
    """One live connection, valid inside the session it was given to."""

    def __init__(self, client: aiomqtt.Client) -> None:
        self._client = client

    async def publish(self, topic: str, payload: bytes, *, retain: bool = False, qos: int = 1) -> None:
        """Send; with QoS 1 return when the broker has acknowledged. Raises LinkLostError."""
        try:
            await self._client.publish(topic, payload, qos=qos, retain=retain, timeout=PUBLISH_TIMEOUT_S)
        except aiomqtt.MqttError as error:
            raise LinkLostError(str(error)) from error

    async def subscribe(self, topics: Sequence[str]) -> None:
        """Hear these, too (QoS 1). Raises LinkLostError, also when the broker refuses."""
        try:
            await _subscribe(self._client, topics)
        except aiomqtt.MqttError as error:
            raise LinkLostError(str(error)) from error

    async def unsubscribe(self, topics: Sequence[str]) -> None:
        """Hear these no more. Raises LinkLostError."""
        try:
            await self._client.unsubscribe(list(topics), timeout=PUBLISH_TIMEOUT_S)
        except aiomqtt.MqttError as error:
            raise LinkLostError(str(error)) from error

    async def messages(self) -> AsyncIterator[Message]:
        """Incoming messages in arrival order. Raises LinkLostError when the connection ends."""
        try:
            async for message in self._client.messages:
                payload = (
                    message.payload if isinstance(message.payload, bytes) else str(message.payload).encode()
                )
                yield Message(message.topic.value, payload, bool(message.retain))
        except aiomqtt.MqttError as error:
            raise LinkLostError(str(error)) from error


async def keep_connected(
    url: BrokerUrl,
    client_id: str,
    session: Callable[[Connection], Awaitable[None]],
    *,
    subscriptions: Sequence[str] | Callable[[], Sequence[str]] = (),
    will: Will | Callable[[], Will] | None = None,
    rng: Random,
    on_change: Callable[[bool], None] = lambda up: None,
) -> None:
    """Run `session` on every connection, for ever; returns only when a session returns.

    A session ends by LinkLostError (reconnect) or by returning (done). `on_change` hears every up and down.
    A `will` or `subscriptions` that is a function is asked anew for every connection.
    """
    forgive()
    told_before = _times_told_to_end()
    backoff = BACKOFF_FIRST_S
    known_down = False
    while True:
        last_words = will() if callable(will) else will
        try:
            async with _Client(
                url.host,
                url.port,
                username=url.username,
                password=url.secret(),
                tls_context=url.context(),
                identifier=client_id,
                protocol=aiomqtt.ProtocolVersion(MQTTv311),
                clean_session=True,
                keepalive=KEEPALIVE_S,
                timeout=CONNECT_TIMEOUT_S,
                max_queued_incoming_messages=INCOMING_MAX,
                will=aiomqtt.Will(last_words.topic, last_words.payload, 1, True) if last_words else None,
            ) as client:
                client.pending_calls_threshold = (
                    INCOMING_MAX  # it warns above; who publishes has bounds of its own
                )
                await _subscribe(client, subscriptions() if callable(subscriptions) else subscriptions)
                log.info("broker connected", broker=f"{url.host}:{url.port}")
                known_down, backoff = False, BACKOFF_FIRST_S
                on_change(True)
                try:
                    await _run_session(session, Connection(client))
                    return
                finally:
                    on_change(False)
        except (aiomqtt.MqttError, LinkLostError, OSError, TimeoutError) as error:
            if (
                _times_told_to_end() > told_before
            ):  # the error of a link that breaks meanwhile takes nothing back
                raise asyncio.CancelledError from error
            if not known_down:
                log.warning("broker away, trying again", broker=f"{url.host}:{url.port}", reason=str(error))
            known_down = True
        await asyncio.sleep(backoff * rng.uniform(0.5, 1.0))
        backoff = min(BACKOFF_LAST_S, backoff * 2)


async def _subscribe(client: aiomqtt.Client, topics: Sequence[str]) -> None:
    if not topics:
        return
    granted = await client.subscribe([(topic, 1) for topic in topics])
    refused = [topic for topic, code in zip(topics, granted, strict=False) if _refused(code)]
    if refused:
        raise LinkLostError(f"broker refused to subscribe {', '.join(refused)}")


def _times_told_to_end() -> int:
    task = asyncio.current_task()
    return task.cancelling() if task is not None else 0


async def _run_session(session: Callable[[Connection], Awaitable[None]], connection: Connection) -> None:
    """Run it in a task of its own: a TaskGroup prefers its tasks' errors to its own cancellation, and (before Python 3.13)
    leaves its task counted as cancelled when one of them has failed. Cancelled here is told to end."""
    running = asyncio.ensure_future(session(connection))
    try:
        await asyncio.wait([running])
    except asyncio.CancelledError:
        while (
            not running.done()
        ):  # wait_for of Python 3.11 may swallow a cancellation that comes with its result
            running.cancel()
            await asyncio.wait([running], timeout=TOLD_AGAIN_S)
        with suppress(LinkLostError, asyncio.CancelledError):
            _outcome(running)
        raise
    _outcome(running)


def _outcome(ended: asyncio.Future[None]) -> None:
    """Raises what the session has raised; several tasks of it may have noticed the same lost link."""
    try:
        ended.result()
    except BaseExceptionGroup as group:
        lost, rest = group.split(LinkLostError)
        if lost is None or rest is not None:
            raise
        raise LinkLostError(_first(lost)) from group


def _first(group: BaseExceptionGroup[LinkLostError]) -> str:
    inner = group.exceptions[0]
    return _first(inner) if isinstance(inner, BaseExceptionGroup) else str(inner)


def _refused(code: object) -> bool:
    value = getattr(code, "value", code)
    return isinstance(value, int) and value >= 0x80


async def publish_once(url: BrokerUrl, topic: str, payload: bytes) -> None:
    """Connect, publish with QoS 1, return when the broker has acknowledged. Raises LinkLostError."""
    try:
        async with aiomqtt.Client(
            url.host, url.port, username=url.username, password=url.password, timeout=CONNECT_TIMEOUT_S
        ) as client:
            await client.publish(topic, payload, qos=1, timeout=PUBLISH_TIMEOUT_S)
    except (aiomqtt.MqttError, OSError, TimeoutError) as error:
        raise LinkLostError(str(error) or type(error).__name__) from None


async def clear_retained(url: BrokerUrl, topic_filter: str, *, wait_s: float = 1.0) -> int:
    """Remove every retained message below `topic_filter`; how many there were. A broker that is away: 0."""
    cleared = 0
    with suppress(aiomqtt.MqttError, OSError, TimeoutError):
        async with aiomqtt.Client(
            url.host,
            url.port,
            username=url.username,
            password=url.secret(),
            tls_context=url.context(),
            timeout=CONNECT_TIMEOUT_S,
        ) as client:
            await client.subscribe(topic_filter, qos=1)
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    async for message in client.messages:
                        if message.retain and message.payload:
                            await client.publish(message.topic.value, b"", qos=1, retain=True)
                            cleared += 1
    return cleared
