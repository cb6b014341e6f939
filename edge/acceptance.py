"""From readings to packs in the journal: dated, unique, packed, accounted for. What cannot be dated yet waits there, too, and is
dated by the first trust in the order it was read; what has become a pack is never dated again."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial

import structlog

from edge.account import Account, Count
from edge.clock import bracket, is_dated, uptime_of
from edge.journalaccess import JournalUnavailableError
from edge.journalthread import JournalThread
from edge.keys import Keys
from edge.packing import NewPack, pack, pack_manifests, pack_undatable
from edge.settings import EdgeConfig, Encoding
from edge.tallies import Untold
from edge.timekeeper import Timekeeper
from edge.undated import Undated
from telemetry.packs import decode_pack
from telemetry.reading import Reading
from telemetry.senml import SenmlError

RETRY_S = 1.0
JUST_NOW_MS = 10_000  # a gateway dates readings of so long ago at most; what is older was dated by a device
SLACK_MS = 2_000  # so long a reading may wait for its group
MET_PACKS = 100  # so many at most are looked at for one group
REMEMBERED_PACKS = 200  # enough to know again what a source repeats after our restart

log = structlog.get_logger(__name__)


class Acceptance:
    """The only writer of packs. `mark` flags dated readings as the logbook says, `on_packs` hears that there are new packs."""

    def __init__(
        self,
        config: EdgeConfig,
        journal: JournalThread,
        timekeeper: Timekeeper,
        *,
        mark: Callable[[Sequence[Reading]], Sequence[Reading]],
        on_packs: Callable[[], None],
    ) -> None:
        self._site, self._cbor = config.site.id, config.broker.encoding is Encoding.CBOR
        self._journal, self._timekeeper = journal, timekeeper
        self._mark, self._on_packs = mark, on_packs
        self.account = Account(config.sensors())
        self._began_ms: int | None = None  # while the account has not begun, for want of a date
        self._undated_bad: Counter[str] = Counter()
        self._turn = asyncio.Lock()
        self._commit_ms = config.journal.commit_ms
        self._moves = -1
        self._newest_ms = (
            0  # in the journal when the clock moved last: what comes before it may meet what is there
        )
        self.keys = Keys(on_duplicate=self.account.duplicate)
        self.accepted = 0  # readings in packs
        self.attempts = 0  # to write the journal

    async def begin(self) -> None:
        """What the last life journalled and counted, so that a reading that is repeated now is known."""
        self._began_ms = self._timekeeper.now_ms()
        for payload in reversed(await self._journal.recent(REMEMBERED_PACKS)):
            with suppress(SenmlError):
                self.keys.preload(decode_pack(payload).readings)
        await self.date()

    def bad(self, sensor: str, frames: int) -> None:
        """Frames of a sensor were dropped."""
        if self._timekeeper.trusted and self._began_ms is None:
            self.account.bad(sensor, self._timekeeper.now_ms(), frames)
        else:
            self._undated_bad[sensor] += frames

    async def keep(self, readings: Sequence[Reading]) -> None:
        """Journal the readings, trying until it can be written: meanwhile the intake fills and the ports wait."""
        async with self._turn:
            await self._date()
            dated = [self._dated(reading) for reading in readings]
            packs = await self._packs([reading for reading in dated if is_dated(reading.observed_at)])
            if packs:
                await self._append(packs, self.account.take())
            if undated := [reading for reading in dated if not is_dated(reading.observed_at)]:
                await self._insist(lambda: self._journal.hold(self._timekeeper.boot_id, undated))

    async def tell(self, *, ending: bool = False) -> None:
        """What was due meanwhile, and manifests of the hours that are over (`ending`: of all); not before there is a date."""
        async with self._turn:
            await self._date()
            if not self._timekeeper.trusted:
                return
            now_ms = self._timekeeper.now_ms()
            self.account.watch(now_ms)
            if counts := self.account.take():
                await self._append([], counts)
            while told := await self._journal.untold(now_ms, everything=ending):
                manifests = pack_manifests(self._site, [one.manifest for one in told], cbor=self._cbor)
                await self._append(manifests, [], told)

    async def date(self) -> None:
        """Date what waits, now that the clock is trusted, also when nothing is read any more."""
        async with self._turn:
            await self._date()

    async def _date(self) -> None:
        """Everything in the journal that waits for a date, when it can be known."""
        if not self._timekeeper.trusted:
            return
        await self._timekeeper.write(self._journal)  # first, so that a next boot can date what we leave
        await self._look_back()
        await self._begin_account()
        if not self._journal.undated:
            return
        settled = 0
        while (rows := await self._journal.oldest_undated()) is not None:
            packs = await self._packs_of(rows)
            await self._insist(partial(self._settle, rows, packs, self.account.take()))
            self._told(packs)
            settled += rows.total
            if rows.damaged:
                log.error("undated readings damaged in the journal", rows=rows.damaged)
        log.info("undated readings settled", readings=settled)

    async def _look_back(self) -> None:
        """The clock may have gone back, in this life or between two: then instants come again that are taken."""
        if self._moves == self._timekeeper.moves:
            return
        self._moves, self._newest_ms = self._timekeeper.moves, await self._journal.newest_ms()
        if self._timekeeper.now_ms() <= self._newest_ms:
            self.keys.went_back()

    async def _recall(self, readings: Sequence[Reading]) -> None:
        """What the journal holds near these instants, when the clock has told them before."""
        near = [reading.observed_at for reading in readings if reading.observed_at <= self._newest_ms]
        if not near:
            return
        until_ms = max(near) + self._commit_ms + SLACK_MS
        for payload in await self._journal.around(min(near), until_ms, MET_PACKS):
            with suppress(SenmlError):
                self.keys.preload(decode_pack(payload).readings, past=True)

    async def _begin_account(self) -> None:
        """The account goes by hours: it begins with the first date, from the instant this life began."""
        if self._began_ms is None:
            return
        now_ms, began_ms = self._timekeeper.now_ms(), self._timekeeper.date(self._began_ms)
        self._began_ms = None
        known = await self._journal.counted_until(now_ms)
        self.account.resume(self.account.beginning(began_ms) | known, now_ms)
        for sensor, frames in self._undated_bad.items():
            self.account.bad(sensor, began_ms, frames)
        self._undated_bad.clear()

    async def _settle(self, rows: Undated, packs: Sequence[NewPack], counts: Sequence[Count]) -> None:
        await self._journal.settle(rows, packs, self._timekeeper.now_ms(), counts)

    async def _append(
        self, packs: Sequence[NewPack], counts: Sequence[Count], told: Sequence[Untold] = ()
    ) -> None:
        await self._insist(lambda: self._journal.append(packs, self._timekeeper.now_ms(), counts, told))
        self._told(packs)

    async def _packs_of(self, rows: Undated) -> list[NewPack]:
        """Dated when their boot was ever trusted; else as undatable ones, with the time they must lie in."""
        if rows.boot == self._timekeeper.boot_id:
            return await self._packs([self._dated(reading) for reading in rows.readings])
        trust = await self._journal.trust_of(rows.boot)
        if trust is not None:
            offset_ms = trust[1]
            return await self._packs(
                [
                    Reading(r.sensor, r.quantity, uptime_of(r.observed_at) + offset_ms, r.value, r.flags)
                    for r in rows.readings
                ]
            )
        if not rows.readings:
            return []
        uptimes = [uptime_of(reading.observed_at) for reading in rows.readings]
        span = bracket(
            rows.after_ms, min(uptimes), max(uptimes), rows.longest_ms, self._timekeeper.boot_start_ms()
        )
        return pack_undatable(self._site, rows.boot, span, rows.readings)

    def _dated(self, reading: Reading) -> Reading:
        at_ms = self._timekeeper.date(reading.observed_at)
        if at_ms == reading.observed_at:
            return reading
        return Reading(reading.sensor, reading.quantity, at_ms, reading.value, reading.flags)

    async def _packs(self, readings: Sequence[Reading]) -> list[NewPack]:
        await self._recall(readings)
        self.account.read(readings)
        just_now_ms = self._timekeeper.now_ms() - JUST_NOW_MS
        kept = self.keys.unique(self._mark(readings), just_now_ms)
        self.account.accepted(kept, self._timekeeper.now_ms())
        return pack(self._site, kept, cbor=self._cbor)

    def _told(self, packs: Sequence[NewPack]) -> None:
        self.accepted += sum(pack.readings for pack in packs)
        if packs:
            self._on_packs()

    async def _insist(self, work: Callable[[], Awaitable[object]]) -> None:
        while True:
            self.attempts += 1
            try:
                await work()
            except JournalUnavailableError:
                await asyncio.sleep(RETRY_S)
            else:
                return
