"""A street of grown sensors that two join, through kills, redelivery and backlog: who is told what depends on none of them."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from halong.trial.room import Room
from halong.trial.street import ROOT, START_S, Sent
from ingest.batch import Packet
from ingest.checks import ALARM_MS, BACKLOG_MS
from ingest.detectors.lanes import F64
from storage.book import Book
from telemetry.anomaly import AnomalyKind
from telemetry.inventory import Sensor, Site
from telemetry.messages import Birth
from telemetry.packs import encode_pack
from telemetry.reading import Reading
from telemetry.topics import PackName, up

EVERY_MS, A_DAY = 600_000, 144
T = START_S * 1000
GROWN, STEPS = 8 * A_DAY, 150  # an older street, and what is told of it
OLD, NEW = 5, 2
LATE = 55_000  # of a step: all of it has arrived
Kept = dict[tuple[str, str], bytes]


def births() -> list[Birth]:
    return [
        Birth(
            f"gw-{one}",
            Site(f"site-{one // 2}", f"Nơi {one // 2}", 20.9, 107.0, "street"),
            (Sensor(f"pm-{one}", "mqtt-senml", ("pm25",), EVERY_MS / 1000, f"Bụi {one}"),),
            (1, 1),
            T,
        )
        for one in range(OLD + NEW)
    ]


def dust(sensor: int, steps: int) -> F64:
    """PM2.5 with two rush hours, a place's own level and noise."""
    rng, hours = np.random.default_rng(sensor), np.arange(steps) / 6 % 24
    rush = np.exp(-(((hours - 7.5) / 1.2) ** 2)) + np.exp(-(((hours - 17.5) / 1.5) ** 2))
    return (20 + sensor % 5 + 14 * rush + rng.normal(0, 1.6, steps)).round(1)


def street() -> F64:
    """(sensors, steps), NaN where nothing is said: the old ones have grown, the new ones join, and things happen."""
    values = np.stack([dust(sensor, GROWN + STEPS) for sensor in range(OLD + NEW)])
    now = values[:, GROWN:]
    now[0, 30:80:2] = np.nan  # a bad line
    now[1, 40:60] = np.nan  # silent
    now[2, 90:110] += 50
    now[3, 70:75] = 3000  # out of range
    now[4, 100:] = now[4, 100]
    now[OLD, 18:42] += 40
    now[OLD + 1, 60:] = now[OLD + 1, 60]
    values[OLD, : GROWN + 3] = np.nan
    values[OLD + 1, : GROWN + 20] = np.nan
    return values


class Pack(NamedTuple):
    """What a gateway sends after a step."""

    gateway: int
    step: int
    value: float

    @property
    def at_ms(self) -> int:
        return T + self.step * EVERY_MS + 100 * self.gateway

    def packet(self, arrived_ms: int) -> Packet:
        reading = Reading(f"pm-{self.gateway}", "pm25", self.at_ms, self.value)
        name, site = PackName(f"gw-{self.gateway}", "0001", self.step), f"site-{self.gateway // 2}"
        return Packet(up(ROOT, site, name), encode_pack(site, [reading]), arrived_ms)


def packs(step: int) -> list[Pack]:
    column = VALUES[:, step]
    return [Pack(one, step, float(column[one])) for one in np.flatnonzero(~np.isnan(column)).tolist()]


VALUES = street()


def end_ms(step: int) -> int:
    return T + step * EVERY_MS + LATE


def sent(step: int, some: Iterable[Pack], alive: Iterable[int] = range(OLD + NEW)) -> Sent:
    now_ms = end_ms(step)
    return Sent(now_ms, [one.packet(now_ms) for one in some], [f"gw-{one}" for one in alive])


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    with Book(tmp_path_factory.mktemp("grown") / "book.sqlite") as book:
        room = Room(book, births(), T)
        for day in range(0, GROWN, A_DAY):
            steps = range(day, day + A_DAY)
            packets = [one.packet(end_ms(step)) for step in steps for one in packs(step)]
            room.hear(Sent(end_ms(steps[-1]), packets, [f"gw-{one}" for one in range(OLD + NEW)]))
        room.restart(end_ms(GROWN - 1))
        return room.kept


def live(
    path: Path,
    grown: Kept,
    hear: Callable[[Room, int], None] = lambda room, step: room.hear(sent(step, packs(step))),
    steps: int = STEPS,
) -> Room:
    with Book(path / "book.sqlite") as book:
        room = Room(book, births(), end_ms(GROWN - 1))
        room.kept |= grown
        room.restart(end_ms(GROWN - 1), killed=True)
        for step in range(GROWN, GROWN + steps):
            hear(room, step)
        return room


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory, grown: Kept) -> Room:
    return live(tmp_path_factory.mktemp("plain"), grown)


def same(room: Room, plain: Room) -> None:
    assert room.flags == plain.flags
    assert room.anomalies == plain.anomalies
    assert room.alarms == plain.alarms


def test_what_happens_in_the_street_is_told(plain: Room) -> None:
    told = {(one.sensor, one.kind) for one in plain.anomalies.values()}
    assert told >= {
        ("pm-0", AnomalyKind.GAP),
        ("pm-1", AnomalyKind.SILENCE),
        ("pm-2", AnomalyKind.BIAS),
        ("pm-3", AnomalyKind.RANGE),
        ("pm-4", AnomalyKind.STUCK),
        (f"pm-{OLD}", AnomalyKind.BIAS),
        (f"pm-{OLD + 1}", AnomalyKind.STUCK),
    }


@pytest.mark.parametrize("killed", [False, True])
@pytest.mark.parametrize("first", [2, 5, 9])
def test_neither_restarts_nor_kills_change_anything(
    tmp_path: Path, grown: Kept, plain: Room, first: int, killed: bool
) -> None:
    """Some before sensors are born and some after, some amid each fault, some while all readings of a series are impossible."""

    def hear(room: Room, step: int) -> None:
        room.hear(sent(step, packs(step)))
        if (step - GROWN) % 12 == first:
            room.restart(end_ms(step), killed=killed)

    same(live(tmp_path, grown, hear), plain)


def test_neighbours_are_asked_at_once_after_a_restart(tmp_path: Path, grown: Kept) -> None:
    """Each gateway's packs come for themselves, and the hub restarts in between."""

    def one_by_one(room: Room, step: int, *, restarts: bool = False) -> None:
        for one in packs(step):
            room.hear(sent(step, [one]))
            if restarts and step % 4 == 0 and one.gateway == step // 4 % OLD:
                room.restart(end_ms(step))

    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    plain = live(tmp_path / "a", grown, one_by_one, 60)
    same(live(tmp_path / "b", grown, partial(one_by_one, restarts=True), 60), plain)


class Turn(NamedTuple):
    """What reaches the hub together, and which gateways are alive."""

    now_ms: int
    packs: list[Pack]
    alive: list[int]

    def live(self) -> list[Pack]:
        return [one for one in self.packs if self.now_ms - one.at_ms <= BACKLOG_MS]


def turns(seed: int) -> Iterator[Turn]:
    """Three a step. Now and then a gateway is not there, or there and slow; what it kept comes bit by bit afterwards, the oldest
    or the newest first, beside what is new."""
    rng = np.random.default_rng(seed)
    kept: dict[int, list[Pack]] = {one: [] for one in range(OLD + NEW)}
    until, dead = dict.fromkeys(kept, 0), set[int]()
    for step in range(GROWN, GROWN + STEPS):
        for one in packs(step):
            kept[one.gateway].append(one)
        for gateway in kept:
            if until[gateway] <= step:
                dead.discard(gateway)
                if rng.random() < 0.04:
                    until[gateway] = step + int(rng.integers(1, 14))
                    dead |= {gateway} if rng.random() < 0.5 else set()
        for turn in range(3):
            come: list[Pack] = []
            for gateway, queue in kept.items():
                if until[gateway] > step:
                    continue
                if queue and queue[-1].step == step and (turn == 2 or rng.random() < 0.7):
                    come.append(queue.pop())
                many = min(len(queue), int(rng.integers(0, 4)))
                come += [queue.pop(-1 if rng.random() < 0.5 else 0) for _ in range(many)]
            come = [come[place] for place in rng.permutation(len(come))]
            yield Turn(end_ms(step) + turn * 10_000, come, [one for one in kept if one not in dead])


def again(seed: int) -> Iterator[Turn]:
    """The same, and much of it comes once more, soon or late, beside what is new or between."""
    rng = np.random.default_rng((seed, 1))
    came: list[Pack] = []
    for turn in turns(seed):
        came += turn.packs
        lately = [one for one in came[-40:] if rng.random() < 0.1]
        ever = [came[place] for place in rng.integers(0, len(came), 3)] if came and rng.random() < 0.3 else []
        come = turn.packs + lately + ever
        yield turn._replace(packs=[come[place] for place in rng.permutation(len(come))])


def play(path: Path, grown: Kept, played: Iterable[Turn], restarts: int = 0) -> Room:
    """With a restart after every so many turns."""
    path.mkdir()
    with Book(path / "book.sqlite") as book:
        room = Room(book, births(), end_ms(GROWN - 1))
        room.kept |= grown
        room.restart(end_ms(GROWN - 1), killed=True)
        for number, turn in enumerate(played):
            alive = [f"gw-{one}" for one in turn.alive]
            room.hear(Sent(turn.now_ms, [one.packet(turn.now_ms) for one in turn.packs], alive))
            if restarts and number % restarts == 0:
                room.restart(turn.now_ms)
        return room


@pytest.mark.parametrize("seed", [1, 4])
def test_what_comes_again_or_late_changes_no_flag_and_raises_no_stale_alarm(
    tmp_path: Path, grown: Kept, seed: int
) -> None:
    once = play(tmp_path / "once", grown, turns(seed))
    same(play(tmp_path / "again", grown, again(seed), restarts=50), once)
    lives = [turn._replace(packs=turn.live()) for turn in turns(seed)]
    fresh = play(tmp_path / "live", grown, lives)
    live_readings = {(f"pm-{one.gateway}", "pm25", one.at_ms) for turn in lives for one in turn.packs}
    assert {key: flags for key, flags in once.flags.items() if key in live_readings} == fresh.flags
    for one in once.anomalies.values():
        if fresh.anomalies.get(one.id) != one:
            assert one.kind in (AnomalyKind.RANGE, AnomalyKind.GAP)
            assert one.kind is not AnomalyKind.RANGE or once.told_ms[one.id] - one.start_ms <= ALARM_MS
