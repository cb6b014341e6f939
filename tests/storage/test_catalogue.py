"""The catalogue: read again only when the inventory has changed, whoever has changed it."""

from pathlib import Path

from storage.book import Book
from storage.catalogue import Catalogue
from telemetry.inventory import Sensor, Site
from telemetry.messages import Birth, State

SITE = Site("bai-chay", "Bãi Cháy", 20.953, 107.043)


def birth(session: int, *names: str) -> Birth:
    return Birth(
        "gw-1", SITE, tuple(Sensor(name, "pms5003", ("pm25",)) for name in names), (1, session), 1000
    )


def test_it_follows_every_change(tmp_path: Path) -> None:
    with Book(tmp_path / "book.sqlite") as book:
        catalogue = Catalogue(book)
        assert not catalogue.listing().sensors
        book.register(birth(1, "pm-1"), 1000)
        assert list(catalogue.listing().sensors) == ["pm-1"]
        assert list(catalogue.listing().sites) == ["bai-chay"]
        assert book.adopt("pm-2", "gw-1", "bai-chay", "pm10", 1000)
        assert catalogue.listing().sensors["pm-2"].quantities == ("pm10",)
        book.adopt("pm-2", "gw-1", "bai-chay", "pm25", 1000)
        assert catalogue.listing().quantities["bai-chay"] == ("pm25", "pm10")
        book.register(birth(2, "pm-3"), 2000)
        # pm-1 was retired, pm-2 no birth has listed.
        assert list(catalogue.listing().sensors) == ["pm-2", "pm-3"]


def test_another_process_changes_it_too(tmp_path: Path) -> None:
    with Book(tmp_path / "book.sqlite") as book, Book(tmp_path / "book.sqlite") as other:
        catalogue = Catalogue(book)
        assert not catalogue.listing().sensors
        other.register(birth(1, "pm-1"), 1000)
        assert list(catalogue.listing().sensors) == ["pm-1"]


def test_what_does_not_change_it_does_not_make_it_look_again(tmp_path: Path) -> None:
    with Book(tmp_path / "book.sqlite") as book:
        book.register(birth(1, "pm-1"), 1000)
        catalogue = Catalogue(book)
        before = catalogue.listing()
        book.record_state(State("gw-1", True, (1, 1), 2000, accepted=5), 2000)
        book.register(birth(1, "pm-1"), 3000)  # the same once more, but for the site's row
        assert catalogue.listing().sensors == before.sensors
        book.record_state(State("gw-1", True, (1, 1), 4000, accepted=6), 4000)
        again = catalogue.listing()
        assert catalogue.listing() is again
