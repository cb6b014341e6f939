"""Births and states: taken over, answered, refused by what they say, kept while the book is away."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from ingest.account import Account
from ingest.control import Control
from ingest.registry import Newcomer, Registry
from runtime.mqtt import Message
from storage.book import Book
from telemetry.inventory import Sensor, Site
from telemetry.messages import Birth, State

SITE = Site("bai-chay", "Bãi Cháy", 20.95, 107.04)


class Desk:
    """A Control over a real book, and what it passed on."""

    def __init__(self, book: Book) -> None:
        self.book, self.account, self.registry = book, Account(), Registry(book)
        self.now = 1000
        self.answered: list[str] = []
        self.states: list[tuple[State, bool]] = []
        self.control = Control(
            root="t",
            registry=self.registry,
            account=self.account,
            clock=lambda: self.now,
            on_state=lambda state, retained: self.states.append((state, retained)),
            on_heard=self.answered.append,
            on_birth=lambda gateway, refused: None,
        )

    def hear(self, branch: str, gateway: str, payload: object, *, retain: bool = False) -> None:
        content = payload if isinstance(payload, bytes) else msgspec.json.encode(payload)
        self.control.hear(Message(f"t/{branch}/{gateway}", content, retain))


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with Book(tmp_path / "book.sqlite") as book:
        yield Desk(book)


def birth(gateway: str, *sensors: str, session: tuple[int, int] = (1, 1), site: Site = SITE) -> Birth:
    return Birth(
        gateway, site, tuple(Sensor(s, "pms5003", ("pm25",), 1.0, s.upper()) for s in sensors), session, 1
    )


def test_a_birth_enters_the_inventory_and_is_answered(desk: Desk):
    desk.hear("birth", "gw-1", birth("gw-1", "pm-1"))
    assert desk.answered == ["gw-1"]
    known = desk.registry.known("pm-1", "?", "?")
    assert known == ("PM-1", "bai-chay", "gw-1", 1.0, "Bãi Cháy")
    desk.hear("birth", "gw-1", birth("gw-1", "pm-1", "pm-2", session=(1, 2)))
    assert set(desk.registry.sensors()) == {"pm-1", "pm-2"}


def test_states_are_passed_on_with_whether_they_are_old_news(desk: Desk):
    desk.hear("state", "gw-1", State("gw-1", True, (5, 1), 900), retain=True)
    desk.hear("state", "gw-1", State("gw-1", False, (4, 1)))
    desk.hear("state", "gw-1", State("gw-1", False, (5, 1)))
    assert [(state.online, retained) for state, retained in desk.states] == [(True, True), (False, False)]
    assert desk.answered == ["gw-1"]


@pytest.mark.parametrize(
    ("branch", "gateway", "payload"),
    [
        ("birth", "gw-1", b"{"),
        ("birth", "gw-1", birth("gw-2", "pm-1")),
        ("birth", "gw-1", birth("gw-1", "PM 1")),
        ("birth", "gw-1", birth("gw-1", site=Site("Bãi Cháy", "", 0, 0))),
        ("state", "GW", State("GW", True, (1, 1))),
        ("state", "gw-1", b"[]"),
        ("gossip", "gw-1", b"{}"),
    ],
)
def test_what_is_no_control_message_is_counted_and_ignored(
    desk: Desk, branch: str, gateway: str, payload: object
):
    desk.hear(branch, gateway, payload)
    assert (desk.account.control_bad, desk.answered, desk.states) == (1, [], [])
    assert desk.registry.sensors() == {}


def test_a_cleared_topic_says_nothing(desk: Desk):
    desk.hear("birth", "gw-1", b"")
    assert (desk.account.control_received, desk.account.control_bad) == (0, 0)


def test_what_the_book_cannot_take_waits(tmp_path: Path):
    book = Book(tmp_path / "book.sqlite")
    desk = Desk(book)
    desk.hear("birth", "gw-1", birth("gw-1", "pm-1"))
    assert desk.answered == []
    with book:
        desk.control.retry()
        assert desk.answered == ["gw-1"]
        assert book.owners() == {"pm-1": "gw-1"}


def test_a_sensor_that_moves_is_its_new_owners_and_the_old_owners_past_stays(desk: Desk):
    desk.hear("birth", "gw-1", birth("gw-1", "pm-1"))
    desk.hear("birth", "gw-2", birth("gw-2", "pm-1"))
    assert desk.registry.owner("pm-1", "gw-2", 1000) == "gw-1"
    desk.now = 5000
    desk.hear("birth", "gw-1", birth("gw-1", session=(1, 2)))
    desk.hear("birth", "gw-2", birth("gw-2", "pm-1"))
    assert desk.registry.owner("pm-1", "gw-2", 6000) == "gw-2"
    assert desk.registry.owner("pm-1", "gw-1", 4000) == "gw-1"
    assert desk.registry.owner("pm-1", "gw-1", 6000) == "gw-2"


def test_an_unknown_sensor_is_registered_with_each_quantity_once(desk: Desk):
    for quantity in ("pm25", "pm10", "pm25"):
        desk.registry.admit([Newcomer("pm-7", "gw-1", "bai-chay", quantity, 5)])
    (row,) = desk.book.sensors()
    assert (row.id, row.gateway, row.quantities) == ("pm-7", "gw-1", ("pm25", "pm10"))
    assert desk.registry.gateways() == {"gw-1": "bai-chay"}
    assert desk.registry.known("pm-7", "x", "y").period_s == 0
    assert desk.registry.owner("pm-7", "gw-9", 5) == "gw-1"
    assert desk.registry.owner("pm-8", "gw-9", 5) is None
