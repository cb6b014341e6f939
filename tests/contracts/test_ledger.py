"""The ledger against the simulator's own record: bad frames, a journal that was full, a gateway thrown away.

Simulated devices, the agent's drivers, account and journal, ingest's intake, a store and the book, in a time of their own.
"""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from random import Random

import pytest

from edge.account import Account as EdgeAccount
from edge.drivers import DRIVERS
from edge.journal import Journal
from edge.packing import pack, pack_manifests
from firmware_sim.devices.pms5003 import MASSES, WARM_UP_FRAMES, Pms5003
from firmware_sim.faults import Fault, FaultKind
from firmware_sim.injection import Injector
from ingest.account import Account
from ingest.batch import Batch, Packet
from ingest.intake import Intake
from ingest.judge import Judge
from ingest.registry import Registry
from ingest.silence import Silence
from storage import retirement
from storage.book import Book
from storage.facts import KEEP_DAYS, note_facts
from storage.ledger import HOUR_MS, Figures, LedgerRow, ledger, total
from storage.open import open_store
from storage.store import Store
from telemetry import topics
from telemetry.inventory import Sensor, Site
from telemetry.messages import Birth, to_ranges
from telemetry.reading import Reading
from telemetry.topics import PackName

PERIOD_S = 10
T0 = 1_767_200_400_000 - 1_767_200_400_000 % HOUR_MS
SITE = Site("bai-chay", "Bãi Cháy", 20.95, 107.04)
HOURS = 5  # so long until a journal of 1 MB is full
TOGETHER = 5  # observations of one group commit


class Hub:
    """Ingest without a broker: what is handed in is checked, judged, stored and acknowledged."""

    def __init__(self, store: Store, book: Book) -> None:
        self.store, self.book = store, book
        self.registry = Registry(book)
        self._intake = Intake(root="t", registry=self.registry, judge=Judge(), account=Account())

    async def take(self, packs: Sequence[tuple[PackName, bytes]], now_ms: int) -> None:
        """One commit."""
        batch = Batch()
        for name, payload in packs:
            self._intake.add(Packet(topics.up("t", SITE.id, name), payload, now_ms), batch)
        self._intake.check(batch)
        while self._intake.judge(batch, now_ms):
            pass
        self.book.quarantine(batch.quarantined, now_ms)
        self.book.put_manifests(batch.manifests, now_ms)
        await self.store.write(batch.columns)

    async def ledger(self, now_ms: int, hours: int = 3) -> dict[tuple[str, int], LedgerRow]:
        """By sensor and number of the hour."""
        rows = await ledger(self.store, self.book, T0, T0 + hours * HOUR_MS, now_ms=now_ms)
        return {(row.sensor, (row.hour_ms - T0) // HOUR_MS): row for row in rows}


class Gateway:
    """A dust sensor on a gateway with a journal. `emitted` is the simulator's record, (hour, what) to how many."""

    def __init__(self, directory: Path, name: str, faults: Sequence[Fault] = (), max_mb: int = 64) -> None:
        self.name, self.sensor = f"gw-{name}", Sensor(f"pm-{name}", "pms5003", MASSES, float(PERIOD_S))
        self.now_ms = T0
        self.journal = Journal.open(
            directory / f"{name}.db", clock=lambda: self.now_ms, rng=Random(1), max_mb=max_mb
        )
        rng = Random(7)
        self._injector = Injector(self.sensor.id, faults, start_s=T0 / 1000, rng=rng)
        measure = self._injector.wrap(lambda quantity, at_s: 20 + 5 * rng.random())
        self._device = Pms5003(measure, start_s=T0 / 1000 - PERIOD_S * WARM_UP_FRAMES, period_s=PERIOD_S)
        for number in range(WARM_UP_FRAMES):
            self._device.emit(T0 / 1000 - PERIOD_S * (WARM_UP_FRAMES - number))
        self._driver = DRIVERS["pms5003"]({})
        self._framer = self._driver.framer()
        self._account = EdgeAccount([self.sensor])
        self._account.watch(T0)
        self.emitted: Counter[tuple[int, str]] = Counter()

    def birth(self) -> Birth:
        return Birth(self.name, SITE, (self.sensor,), (1, 1), T0)

    def run(self, until_ms: int, packs: Callable[[list[Reading]], list[list[Reading]]]) -> None:
        """Collect, a group commit every TOGETHER observations, cut into packs by `packs`."""
        group: list[Reading] = []
        while self.now_ms < until_ms:
            hour = (self.now_ms - T0) // HOUR_MS
            bad_before = self._framer.bad
            healthy = self._device.emit(self.now_ms / 1000)
            sent = self._injector.spoil(healthy, self.now_ms / 1000)
            said = sum(len(emission.readings) for emission in sent)
            self.emitted[hour, "readings"] += said
            self.emitted[hour, "spoiled"] += sum(len(one.readings) for one in healthy) - said
            for emission in sent:
                for frame in self._framer.feed(emission.data):
                    decoded = self._driver.decode(frame.data)
                    group += [Reading(self.sensor.id, q, self.now_ms, v) for q, v, _ in decoded.measurements]
            if self._framer.bad > bad_before:
                self._account.bad(self.sensor.id, self.now_ms, self._framer.bad - bad_before)
            self.now_ms += PERIOD_S * 1000
            if len(group) >= TOGETHER * len(MASSES) or self.now_ms >= until_ms:
                self._commit(group, packs)
                group = []

    def _commit(self, group: list[Reading], packs: Callable[[list[Reading]], list[list[Reading]]]) -> None:
        self._account.watch(self.now_ms)
        self._account.read(group)
        self._account.accepted(group, self.now_ms)
        new = [one for some in packs(group) for one in pack(SITE.id, some)]
        self.journal.append(new, self.now_ms, self._account.take())
        while told := self.journal.untold(self.now_ms):
            self._tell(told)

    def _tell(self, told) -> None:  # type: ignore[no-untyped-def]
        manifests = pack_manifests(SITE.id, [one.manifest for one in told])
        self.journal.append(manifests, self.now_ms, (), told)

    def end(self) -> None:
        """The agent is stopped in order: it tells everything."""
        while told := self.journal.untold(self.now_ms, everything=True):
            self._tell(told)

    async def deliver(self, hub: Hub) -> None:
        """Everything that waits, until the hub has acknowledged it."""
        while rows := self.journal.live(0, 500, ()):
            payloads = [self.journal.payload(row.journal, row.seq) or b"" for row in rows]
            names = [PackName(self.name, row.journal, row.seq) for row in rows]
            await hub.take(list(zip(names, payloads, strict=True)), self.now_ms)
            for journal in {row.journal for row in rows}:
                numbers = to_ranges(row.seq for row in rows if row.journal == journal)
                self.journal.acknowledge({journal: numbers}, self.now_ms)


def one_pack(group: list[Reading]) -> list[list[Reading]]:
    return [group] if group else []


def a_pack_each(group: list[Reading]) -> list[list[Reading]]:
    return [[reading] for reading in group]


@pytest.fixture
async def hub(address: str, tmp_path: Path) -> AsyncIterator[Hub]:
    store = open_store(address)
    await store.open()
    with Book(tmp_path / "book.sqlite") as book:
        yield Hub(store, book)
    await store.close()


async def test_bad_frames_are_missing_from_what_was_expected_and_nothing_is_lost(
    hub: Hub, tmp_path: Path
) -> None:
    gateway = Gateway(tmp_path, "a", [Fault(None, FaultKind.GARBAGE, 600, 1800)])
    hub.book.register(gateway.birth(), T0)
    gateway.run(T0 + 2 * HOUR_MS + 120_000, one_pack)
    await gateway.deliver(hub)
    rows = await hub.ledger(gateway.now_ms)
    assert gateway.emitted[0, "spoiled"] > 100
    for hour in (0, 1):
        said = gateway.emitted[hour, "readings"]
        figures = rows["pm-a", hour].figures
        assert figures.expected == said + gateway.emitted[hour, "spoiled"] == 360 * len(MASSES)
        assert (figures.read, figures.accepted, figures.stored) == (said, said, said)
        assert (figures.lost, figures.pending, figures.given_up, figures.estimated) == (0, 0, 0, 0)
        assert 0 <= figures.bad <= gateway.emitted[hour, "spoiled"]
    assert rows["pm-a", 0].figures.bad > 0
    running = rows["pm-a", 2].figures  # its manifest is not told yet
    assert (running.estimated, running.read, running.expected) == (1, None, 12 * len(MASSES))
    assert running.stored == gateway.emitted[2, "readings"]
    gateway.end()
    await gateway.deliver(hub)
    told = (await hub.ledger(gateway.now_ms))["pm-a", 2].figures
    assert (told.estimated, told.read) == (0, gateway.emitted[2, "readings"])


async def test_what_a_full_journal_gave_up_is_lost_to_the_reading(hub: Hub, tmp_path: Path) -> None:
    gateway = Gateway(tmp_path, "b", max_mb=1)
    hub.book.register(gateway.birth(), T0)
    gateway.run(T0 + HOURS * HOUR_MS, a_pack_each)
    before = await hub.ledger(gateway.now_ms, HOURS)
    assert [before["pm-b", hour].figures.pending for hour in range(HOURS)] == [360 * len(MASSES)] * HOURS
    assert total(row.figures for row in before.values()).lost == 0
    gateway.end()
    await gateway.deliver(hub)
    assert gateway.journal.given_up > 500
    rows = await hub.ledger(gateway.now_ms, HOURS)
    stored = await hub.store.count_windows(T0, T0 + HOURS * HOUR_MS, window_ms=HOUR_MS)
    for hour in range(HOURS):
        said, figures = gateway.emitted[hour, "readings"], rows["pm-b", hour].figures
        here = stored.get(("pm-b", T0 + hour * HOUR_MS), 0)
        assert (figures.expected, figures.accepted, figures.stored) == (said, said, here)
        assert (figures.lost, figures.given_up, figures.pending) == (said - here, said - here, 0)
        assert figures.estimated == 0
    whole = total(row.figures for row in rows.values())
    assert 0 <= gateway.journal.given_up - whole.lost <= HOURS  # packs of manifests, told again


async def test_what_a_gateway_took_with_it_is_lost_once_it_is_retired_and_says_estimated(
    hub: Hub, tmp_path: Path
) -> None:
    gateway = Gateway(tmp_path, "c")
    hub.book.register(gateway.birth(), T0)
    gateway.run(T0 + HOUR_MS + 600_000, one_pack)
    await gateway.deliver(hub)
    died_ms = T0 + HOUR_MS + 1_800_000
    gateway.run(died_ms, one_pack)
    (tmp_path / "c.db").unlink()  # thrown away with its journal
    now_ms = T0 + 3 * HOUR_MS
    waiting = await hub.ledger(now_ms)
    assert [waiting["pm-c", hour].figures.lost for hour in range(3)] == [0, 0, 0]
    with hub.book.writing() as database:
        assert retirement.retire(database, "gw-c", died_ms, who="a test", now_ms=now_ms)
    rows = await hub.ledger(now_ms)
    whole, broken = rows["pm-c", 0].figures, rows["pm-c", 1].figures
    said = gateway.emitted[0, "readings"]
    assert whole == Figures(expected=said, read=said, accepted=said, stored=said)
    said = gateway.emitted[1, "readings"]
    assert (broken.estimated, broken.accepted, broken.read) == (1, None, None)
    assert (broken.expected, broken.stored) == (said, said // 3)
    assert (broken.lost, broken.pending) == (said - said // 3, 0)
    assert ("pm-c", 2) not in rows


async def test_of_a_gateway_that_was_shut_down_nothing_is_expected_meanwhile(
    hub: Hub, tmp_path: Path
) -> None:
    gateway = Gateway(tmp_path, "e")
    hub.book.register(gateway.birth(), T0)
    gateway.run(T0 + HOUR_MS // 2, one_pack)
    gateway.end()
    await gateway.deliver(hub)
    now_ms = T0 + HOUR_MS - 60_000
    said = gateway.emitted[0, "readings"]
    unknown = (await hub.ledger(now_ms))["pm-e", 0].figures
    assert (unknown.estimated, unknown.pending) == (1, 29 * 60 // PERIOD_S * len(MASSES))
    silence = Silence()
    silence.listen(T0)
    silence.gateway_left("gw-e", gateway.now_ms, orderly=True)
    (left,) = silence.check(now_ms, {}, {"gw-e": SITE.id})
    hub.book.put_anomaly(left)
    known = (await hub.ledger(now_ms))["pm-e", 0].figures
    assert known == Figures(expected=said, read=said, accepted=said, stored=said)


async def test_what_the_store_has_forgotten_is_not_lost(hub: Hub, tmp_path: Path) -> None:
    gateway = Gateway(tmp_path, "f")
    hub.book.register(gateway.birth(), T0)
    gateway.run(T0 + 2 * HOUR_MS, one_pack)
    gateway.end()
    await gateway.deliver(hub)
    note_facts(hub.book, {KEEP_DAYS: "1"})
    assert len(await hub.ledger(T0 + 24 * HOUR_MS - 2 * HOUR_MS)) == 3
    assert [hour for _, hour in await hub.ledger(T0 + 24 * HOUR_MS)] == [1, 2]


async def test_late_arrivals_correct_it_and_a_birth_takes_a_retirement_back(hub: Hub, tmp_path: Path) -> None:
    gateway = Gateway(tmp_path, "d")
    hub.book.register(gateway.birth(), T0)
    gateway.run(T0 + HOUR_MS, one_pack)
    gateway.end()
    said = gateway.emitted[0, "readings"]
    now_ms = T0 + 2 * HOUR_MS
    with hub.book.writing() as database:
        retirement.retire(database, "gw-d", T0 + HOUR_MS, who="a test", now_ms=now_ms)
    assert (await hub.ledger(now_ms))["pm-d", 0].figures.lost == said
    hub.book.register(gateway.birth(), now_ms)  # kept by the broker: not a sign of life
    assert (await hub.ledger(now_ms))["pm-d", 0].figures.lost == said
    hub.book.register(Birth("gw-d", SITE, (gateway.sensor,), (1, 2), now_ms), now_ms)
    assert (await hub.ledger(now_ms))["pm-d", 0].figures.pending == said
    await gateway.deliver(hub)
    assert (await hub.ledger(now_ms))["pm-d", 0].figures == Figures(
        expected=said, read=said, accepted=said, stored=said
    )
