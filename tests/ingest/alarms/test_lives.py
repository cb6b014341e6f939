"""Seeded worlds in which the hub dies at any moment: every anomaly has one alarm, and each is told once, in order, to its end."""

from collections import Counter
from pathlib import Path
from random import Random

import msgspec
import pytest

from ingest.account import Account
from ingest.alarms.desk import Desk
from ingest.alarms.grouping import Timing
from ingest.alarms.routing import Route
from ingest.registry import Registry
from storage import alarms as page
from storage import quiet
from storage.book import Book
from storage.quiet import Maintenance
from telemetry.alarm import Alarm, AlarmState
from telemetry.anomaly import Anomaly, AnomalyKind, Severity
from telemetry.inventory import Sensor, Site
from telemetry.messages import Birth
from tests.ingest.alarms.test_grouping import T, found, over
from tests.thorough import TIMES

TIMING = Timing(settle_ms=3_000, linger_ms=8_000, gateway_linger_ms=4_000)
SITES = ("bai-chay", "hon-gai")
KINDS = (AnomalyKind.SPIKE, AnomalyKind.STUCK, AnomalyKind.SILENCE, AnomalyKind.GATEWAY)
SECONDS = 90


class World:
    """A book, a broker's retained topics, a clock, and the desk of the present life."""

    def __init__(self, book: Book, seed: int) -> None:
        self.book, self.rng, self.now_ms = book, Random(seed), T
        self.retained: dict[str, bytes] = {}
        self.link_up = True
        self.open: list[Anomaly] = []
        self.desk = self.born()

    def say(self, topic: str, payload: bytes, *, retain: bool = False) -> bool:
        if self.link_up and retain:
            self.retained[topic] = payload
        return self.link_up

    def born(self) -> Desk:
        return Desk(
            root="h",
            book=self.book,
            registry=Registry(self.book),
            account=Account(),
            clock=lambda: self.now_ms,
            say=self.say,
            on_alarm=lambda alarm: None,
            timing=TIMING,
            routes=[Route("ops")],
        )

    async def restart(self) -> None:
        self.desk = self.born()
        await self.desk.resume()

    def happens(self, *, ending: bool) -> list[Anomaly]:
        """What opened, grew worse or closed in this second."""
        changes = []
        for one in list(self.open):
            if ending or self.rng.random() < 0.1:
                self.open.remove(one)
                changes.append(over(one, self.now_ms))
            elif self.rng.random() < 0.1:
                worse = msgspec.structs.replace(one, score=one.score + 1, severity=Severity.CRITICAL)
                self.open[self.open.index(one)] = worse
                changes.append(worse)
        if not ending and self.rng.random() < 0.4:
            kind, number = self.rng.choice(KINDS), self.rng.randrange(4)
            name = f"gw-{number % 2}" if kind is AnomalyKind.GATEWAY else f"pm25-{number}"
            new = found(name, kind, start_ms=self.now_ms, site=SITES[number % 2])
            if not any((one.sensor, one.kind) == (new.sensor, new.kind) for one in self.open):
                self.open.append(new)
                changes.append(new)
        return changes

    async def live(self) -> None:
        await self.desk.resume()
        for second in range(SECONDS + 15):
            self.now_ms += 1000
            if self.rng.random() < 0.1:
                self.link_up = not self.link_up
                if self.link_up:
                    self.desk.connected()
            changes = self.happens(ending=second >= SECONDS)
            if changes:
                self.book.put_anomalies(changes)  # always before anybody is told
            # A new life waits the whole calm once more.
            dies = self.rng.random() if second <= SECONDS else 1.0
            if dies < 0.08:
                await self.restart()  # nobody was told
            else:
                self.desk.hear(changes)
            await self.desk.look()
            if dies > 0.95 and second < SECONDS:
                await self.restart()
        self.link_up = True
        await self.desk.look()


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", range(12 * TIMES))
async def test_whatever_dies_every_alarm_is_told_once_in_order_and_ends(tmp_path: Path, seed: int) -> None:
    with Book(tmp_path / "book.sqlite") as book:
        for number, site in enumerate(SITES):
            sensors = tuple(Sensor(f"pm25-{n}", "x", ("pm25",), 1.0) for n in (number, number + 2))
            book.register(Birth(f"gw-{number}", Site(site, site, 20.9, 107.0), sensors, (1, 1), T), T)
        world = World(book, seed)
        await world.live()
        with book.reading() as database:
            alarms: list[Alarm] = page.listed(database, limit=1000)
            sent = database.execute("SELECT alarm, state FROM outbox ORDER BY id").fetchall()
        anomalies = {one.id: one for one in book.anomalies(limit=1000)}
        assert len(alarms) > 5
        assert {one.state for one in alarms} == {AlarmState.CLOSED}
        for one in alarms:
            states = [state for alarm, state in sent if alarm == one.id]
            assert (states[0], states[-1]) == ("open", "closed")
            assert len(states) == len(set(states)) <= 3
            assert one.start_ms == min(anomalies[member].start_ms for member in one.anomalies)
            assert one.end_ms == max(anomalies[member].end_ms or 0 for member in one.anomalies)
        members = Counter(member for one in alarms for member in one.anomalies)
        assert set(members.values()) == {1}
        untold = [one for name, one in anomalies.items() if name not in members]
        # Short ones, and those of a dead gateway.
        assert {one.kind for one in untold} <= {AnomalyKind.SILENCE}
        assert set(world.retained.values()) == {b""}


async def test_another_life_remembers_what_maintenance_has_held(tmp_path: Path) -> None:
    with Book(tmp_path / "book.sqlite") as book:
        world = World(book, 1)
        with book.writing() as database:
            work = quiet.begin(database, Maintenance(0, "bai-chay", "", T, T + 60_000, "filters", "Lan", T))
        await world.desk.resume()
        one = found("pm25-1")
        for told in (one, over(one, T + 500)):
            world.now_ms += 1000
            book.put_anomalies([told])
            world.desk.hear([told])
            await world.desk.look()
        await world.restart()
        with book.writing() as database:
            assert quiet.finish(database, work.id, who="Lan", now_ms=world.now_ms) is not None
        for _ in range(15):
            world.now_ms += 1000
            await world.desk.look()
        with book.reading() as database:
            assert [alarm.state for alarm in page.listed(database)] == [AlarmState.CLOSED]
            assert database.execute("SELECT count(*) FROM outbox").fetchone() == (0,)
