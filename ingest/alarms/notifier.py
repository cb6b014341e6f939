"""The notifier: sends what the outbox holds, at least once, each alarm's states in order on every channel.

A channel that fails is tried again after 1 s, doubling to 5 min, for a day; an alarm that it refuses holds up no other.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from random import Random
from string import Template

import msgspec
import structlog

from ingest.account import Account
from ingest.alarms.channels import Channel, NotSentError, request
from ingest.alarms.settings import AlarmSettings, secret
from storage import outbox
from storage.book import Book, BookUnavailableError
from storage.outbox import Notice
from telemetry.times import DAY_MS

LOOK_EVERY_S = 0.5
LONGEST_S = 300.0
GIVE_UP_MS = DAY_MS
KEPT_MS = 30 * DAY_MS
PRUNE_EVERY_S = 3600.0

log = structlog.get_logger(__name__)


class Notifier:
    """`first_s` is the wait after a first failure, `look_s` that for something new."""

    def __init__(
        self,
        book: Book,
        channels: Sequence[Channel],
        account: Account,
        *,
        clock: Callable[[], int],
        rng: Random,
        first_s: float = 1.0,
        look_s: float = LOOK_EVERY_S,
    ) -> None:
        self._book, self._channels, self._clock, self._rng = book, channels, clock, rng
        self._first_s, self._look_s = first_s, look_s
        self._account = account

    async def run(self) -> None:
        """For ever."""
        async with asyncio.TaskGroup() as group:
            for channel in self._channels:
                group.create_task(self._serve(channel), name=f"alarms to {channel.route.channel}")
            group.create_task(self._prune(), name="alarms kept")

    async def _serve(self, channel: Channel) -> None:
        name = channel.route.channel
        while True:
            try:
                with self._book.reading() as database:
                    notice = outbox.next_due(database, name, self._clock())
                if notice is not None:
                    await self._send(channel, notice)
                    continue
            except BookUnavailableError as error:
                log.warning("notices wait", channel=name, reason=str(error))
            await asyncio.sleep(self._look_s)

    async def _send(self, channel: Channel, notice: Notice) -> None:
        try:
            await channel.send(notice)
        except NotSentError as error:
            self._failed(notice, error)
            return
        self._account.notices_sent += 1
        with self._book.writing() as database:
            outbox.sent(database, notice.id, self._clock())
        log.info("alarm sent", channel=notice.channel, key=notice.key)

    def _failed(self, notice: Notice, error: NotSentError) -> None:
        now_ms = self._clock()
        if now_ms - notice.asked_ms >= GIVE_UP_MS:
            self._account.notices_given_up += 1
            with self._book.writing() as database:
                outbox.give_up(database, notice.id, str(error), now_ms)
            log.error("alarm not sent, given up", channel=notice.channel, key=notice.key, reason=str(error))
            return
        self._account.notices_failed += 1
        wait_s = min(LONGEST_S, self._first_s * 2 ** min(notice.tries, 20)) * self._rng.uniform(1.0, 1.2)
        with self._book.writing() as database:
            again_ms = now_ms + round(1000 * max(wait_s, error.retry_after_s))
            outbox.failed(database, notice.id, str(error), again_ms=again_ms)
        if notice.tries == 0:
            log.warning(
                "alarm not sent, trying again", channel=notice.channel, key=notice.key, reason=str(error)
            )

    async def _prune(self) -> None:
        while True:
            try:
                with self._book.writing() as database:
                    outbox.prune(database, self._clock() - KEPT_MS)
            except BookUnavailableError as error:
                log.warning("old notices stay", reason=str(error))
            await asyncio.sleep(PRUNE_EVERY_S)


class Heartbeat:
    """Tells an outside watcher that the hub lives: one that hears nothing for a few periods raises its own alarm."""

    def __init__(
        self,
        url: str,
        *,
        every_s: float,
        clock: Callable[[], int],
        state: Callable[[], Mapping[str, bool]],
    ) -> None:
        self._url, self._every_s, self._clock, self._state = url, every_s, clock, state
        self.beats_sent = self.beats_failed = 0

    async def run(self) -> None:
        """For ever."""
        works = True
        while True:
            body = msgspec.json.encode({"time": self._clock(), "ready": self._state()})
            try:
                await request("POST", self._url, body, {"Content-Type": "application/json"})
            except NotSentError as error:
                self.beats_failed += 1
                if works:
                    log.warning("heartbeat not sent", reason=str(error))
                works = False
            else:
                self.beats_sent += 1
                works = True
            await asyncio.sleep(self._every_s)


def heartbeat(
    settings: AlarmSettings,
    environment: Mapping[str, str],
    *,
    clock: Callable[[], int],
    state: Callable[[], Mapping[str, bool]],
) -> Heartbeat:
    """As it is configured; raises ConfigError when its secret is missing."""
    known = settings.heartbeat
    url = Template(known.url).substitute(secret=secret(known, environment))
    return Heartbeat(url, every_s=known.every_s, clock=clock, state=state)
