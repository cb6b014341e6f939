"""Events: each form is made once, a selection is what its filter wants."""

import json

from runtime.events import EVERYTHING, SELECTIONS, Event, News, Only, Part

PARTS = [
    Part("pm-1", "bai-chay", "pm25", "", b'{"n":1}'),
    Part("pm-2", "hon-gai", "pm10", "", b'{"n":2}'),
    Part("pm-2", "hon-gai", "pm10", "spike", b'{"n":3}'),
]


def numbers(only: Only) -> list[int]:
    event = News(1, "e-1", "readings", PARTS).select(only)
    return [one["n"] for one in json.loads(event.data)] if event else []


def test_a_selection_is_what_the_filter_wants() -> None:
    assert numbers(EVERYTHING) == [1, 2, 3]
    assert numbers(Only(sensors=frozenset({"pm-1"}))) == [1]
    assert numbers(Only(sites=frozenset({"hon-gai"}))) == [2, 3]
    assert numbers(Only(quantities=frozenset({"pm10"}), kinds=frozenset({"readings"}))) == [2]
    assert numbers(Only(kinds=frozenset({"anomaly"}))) == numbers(Only(kinds=frozenset({"spike"}))) == [3]
    assert numbers(Only(kinds=frozenset({"stuck"}))) == []


def test_the_same_filter_gets_the_same_bytes_and_there_is_a_bound() -> None:
    news = News(1, "e-1", "readings", PARTS)
    only = Only(sites=frozenset({"hon-gai"}))
    assert news.select(only) is news.select(Only(sites=frozenset({"hon-gai"})))
    for number in range(2 * SELECTIONS):
        news.select(Only(sensors=frozenset({str(number)})))
    assert len(news._selections) == SELECTIONS
    news.forget()
    assert news.select(only) == News(1, "e-1", "readings", PARTS).select(only)


def test_both_forms() -> None:
    event = Event("e-1", "readings", b"[1]")
    assert event.encode() == b"event: readings\nid: e-1\ndata: [1]\n\n"
    assert event.encode() is event.encode()
    assert json.loads(event.message()) == {"event": "readings", "id": "e-1", "data": [1]}
