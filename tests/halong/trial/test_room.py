"""A street of grown sensors that two join, through kills, redelivery and backlog: who is told what depends on none of them."""

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from halong.trial.room import Room
from halong.trial.street import ROOT, START_S, Sent
from ingest.batch import Packet
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

    def packet(self, arrived_ms: int) -> Packet:
        at_ms = T + self.step * EVERY_MS + 100 * self.gateway
        reading = Reading(f"pm-{self.gateway}", "pm25", at_ms, self.value)
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
