"""A city in a time of its own: simulated devices, drivers, the agent's account and journal, ingest's intake, store and book."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from edge.account import Account as EdgeAccount
from edge.drivers import DRIVERS
from edge.journal import Journal
from edge.packing import pack, pack_manifests
from edge.tallies import Untold
from firmware_sim.devices.ops243 import Ops243
from firmware_sim.devices.pms5003 import MASSES, WARM_UP_FRAMES, Pms5003
from firmware_sim.faults import Fault
from firmware_sim.injection import Injector
from ingest.account import Account
from ingest.batch import Batch, Packet
from ingest.intake import Intake
from ingest.judge import Judge
from ingest.registry import Registry
from storage.book import Book
from storage.ledger import LedgerRow, ledger
from storage.store import Store
from telemetry import topics
from telemetry.inventory import Sensor, Site
from telemetry.messages import Birth, to_ranges
from telemetry.reading import Reading
from telemetry.times import HOUR_MS
from telemetry.topics import PackName

PERIOD_S = 10
T0 = 1_767_200_400_000 - 1_767_200_400_000 % HOUR_MS
SITE = Site("bai-chay", "Bãi Cháy", 20.95, 107.04)
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


@dataclass
class Device:
    """A simulated device, the driver that reads it, and `emitted`, the simulator's record: (hour, what) to how many.

    What: readings said and readings spoiled (garbled or silenced); of the spoiled, frames that still begin like one.
    """

    sensor: Sensor
    simulated: Pms5003 | Ops243
    injector: Injector
    emitted: Counter[tuple[int, str]] = field(default_factory=Counter)
    begin: bytes = b""

    def __post_init__(self) -> None:
        self.driver = DRIVERS[self.sensor.protocol]({})
        self.framer = self.driver.framer()

    def emit(self, now_ms: int) -> list[Reading]:
        """What the device sends now, as the driver reads it."""
        hour, begin, now_s = (now_ms - T0) // HOUR_MS, self.begin, now_ms / 1000
        healthy = self.simulated.emit(now_s)
        sent = self.injector.spoil(healthy, now_s)
        said = sum(len(emission.readings) for emission in sent)
        self.emitted[hour, "readings"] += said
        self.emitted[hour, "spoiled"] += sum(len(one.readings) for one in healthy) - said
        whole = {emission.data for emission in healthy}
        self.emitted[hour, "bad"] += sum(begin in one.data for one in sent if begin and one.data not in whole)
        frames = [frame for emission in sent for frame in self.framer.feed(emission.data)]
        return [
            Reading(self.sensor.id, quantity, now_ms + place, value)  # a radar says several things at once
            for place, frame in enumerate(frames)
            for quantity, value, _ in self.driver.decode(frame.data).measurements
        ]


def dust_sensor(name: str, faults: Sequence[Fault] = ()) -> Device:
    """An observation of three quantities every PERIOD_S, warmed up at T0."""
    sensor, rng = Sensor(name, "pms5003", MASSES, float(PERIOD_S)), Random(7)
    injector = Injector(name, faults, start_s=T0 / 1000, rng=rng)
    measure = injector.wrap(lambda quantity, at_s: 20 + 5 * rng.random())
    device = Pms5003(measure, start_s=T0 / 1000 - PERIOD_S * WARM_UP_FRAMES, period_s=PERIOD_S)
    for number in range(WARM_UP_FRAMES):
        device.emit(T0 / 1000 - PERIOD_S * (WARM_UP_FRAMES - number))
    return Device(sensor, device, injector, begin=b"BM")


def radar(name: str, faults: Sequence[Fault] = ()) -> Device:
    """Speeds of the vehicles that pass: now and then one, nobody knows when."""
    rng = Random(5)
    device = Ops243(
        lambda second: [(float(second), rng.uniform(20, 60))] * (rng.random() < 0.02), start_s=T0 / 1000
    )
    injector = Injector(name, faults, start_s=T0 / 1000, rng=rng)
    return Device(Sensor(name, "ops243", ("vehicle_speed",), 0.0), device, injector)


class Gateway:
    """Devices on a gateway with a journal."""

    def __init__(
        self, directory: Path, name: str, *devices: Device, faults: Sequence[Fault] = (), max_mb: int = 64
    ) -> None:
        self.name, self.now_ms = f"gw-{name}", T0
        self.devices = devices or (dust_sensor(f"pm-{name}", faults),)
        self._open = lambda seed: Journal.open(
            directory / f"{name}.db", clock=lambda: self.now_ms, rng=Random(seed), max_mb=max_mb
        )
        self._lives = 0
        self.late: Counter[tuple[str, int]] = Counter()
        self.restart()

    @property
    def emitted(self) -> Counter[tuple[int, str]]:
        """The record of its first device."""
        return self.devices[0].emitted

    def restart(self) -> None:
        """A new life of the agent, which knows nothing but the journal."""
        if self._lives:
            self.close()
        self._lives += 1
        self.journal = self._open(self._lives)
        self._account = EdgeAccount([device.sensor for device in self.devices])
        known = self.journal.counted_until(self.now_ms)
        self._account.resume(self._account.beginning(self.now_ms) | known, self.now_ms)
        self._account.watch(self.now_ms)

    def birth(self, session: tuple[int, int] = (1, 1)) -> Birth:
        return Birth(self.name, SITE, tuple(device.sensor for device in self.devices), session, T0)

    def run(self, until_ms: int, packs: Callable[[list[Reading]], list[list[Reading]]]) -> None:
        """Collect, a group commit every TOGETHER observations, cut into packs by `packs`."""
        group: list[Reading] = []
        looked = 0
        while self.now_ms < until_ms:
            for device in self.devices:
                bad_before = device.framer.bad
                group += device.emit(self.now_ms)
                if device.framer.bad > bad_before:
                    self._account.bad(device.sensor.id, self.now_ms, device.framer.bad - bad_before)
            self.now_ms += PERIOD_S * 1000
            looked += 1
            if looked % TOGETHER == 0 or self.now_ms >= until_ms:
                self._commit(group, packs)
                group = []

    def _commit(self, group: list[Reading], packs: Callable[[list[Reading]], list[list[Reading]]]) -> None:
        self._account.watch(self.now_ms)
        self._account.read(group)
        self._account.accepted(group, self.now_ms)
        for one in group:
            self.late[one.sensor, (one.observed_at - T0) // HOUR_MS] += self.now_ms - one.observed_at > 60_000
        new = [one for some in packs(group) for one in pack(SITE.id, some)]
        self.journal.append(new, self.now_ms, self._account.take())
        while told := self.journal.untold(self.now_ms):
            self._tell(told)

    def _tell(self, told: Sequence[Untold]) -> None:
        manifests = pack_manifests(SITE.id, [one.manifest for one in told])
        self.journal.append(manifests, self.now_ms, (), told)

    def close(self) -> None:
        """Let go of the journal."""
        self.journal.close()

    def end(self) -> None:
        """The agent is stopped in order: it tells everything."""
        while told := self.journal.untold(self.now_ms, everything=True):
            self._tell(told)

    async def deliver(self, hub: Hub, *, times: int = 1, behind_ms: int = 0) -> None:
        """Everything that waits, until the hub has acknowledged it; `times` more than once: a broker that doubles messages.

        `behind_ms`: how far the hub's clock is behind this gateway's.
        """
        while rows := self.journal.live(0, 500, ()):
            payloads = [self.journal.payload(row.journal, row.seq) or b"" for row in rows]
            names = [PackName(self.name, row.journal, row.seq) for row in rows]
            for _ in range(times):
                await hub.take(list(zip(names, payloads, strict=True)), self.now_ms - behind_ms)
            for journal in {row.journal for row in rows}:
                numbers = to_ranges(row.seq for row in rows if row.journal == journal)
                self.journal.acknowledge({journal: numbers}, self.now_ms)


def one_pack(group: list[Reading]) -> list[list[Reading]]:
    return [group] if group else []


def a_pack_each(group: list[Reading]) -> list[list[Reading]]:
    return [[reading] for reading in group]
