"""$filter: what it means, what it refuses, and that nothing but its own error comes out of any text."""

from collections.abc import Sequence
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.sensorthings.expressions import FilterError, Value, holds, parse
from api.sensorthings.options import OptionError, read

ENTITY: dict[tuple[str, ...], list[Value]] = {
    ("name",): ["Bãi Cháy's dust"],
    ("result",): [21.5],
    ("flags",): [0.0],
    ("phenomenonTime",): ["2026-11-23T01:00:00.000Z"],
    ("span",): ["2026-11-23T00:00:00Z/2026-11-24T00:00:00Z"],
    ("Datastreams", "name"): ["pm25", "pm10"],
    ("nothing",): [None],
    ("location",): [{"type": "Point", "coordinates": [107.043, 20.953]}],
}


SQUARE = "(107 20.9, 107.1 20.9, 107.1 21, 107 21, 107 20.9)"
HOLE = "(107.04 20.95, 107.05 20.95, 107.05 20.96, 107.04 20.96, 107.04 20.95)"
NOW_MS = 1_795_395_600_000 + 60_000  # a minute after the entity's time


def lookup(parts: tuple[str, ...]) -> Sequence[Value]:
    return ENTITY.get(parts, [])


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("result eq 21.5", True),
        ("result gt 21.5", False),
        ("result ge 21.5 and flags eq 0", True),
        ("result lt 0 or result gt 20", True),
        ("not (result lt 0 or result gt 20)", False),
        ("not result lt 0", True),
        ("10 lt result", True),
        ("name eq 'Bãi Cháy''s dust'", True),
        ("startswith(name,'Bãi')", True),
        ("substringof('dust', name) eq true", True),
        ("contains(tolower(name), 'cháy')", True),
        ("endswith(name, 'x')", False),
        ("length(name) eq 15", True),
        ("concat(name, '!') eq 'Bãi Cháy''s dust!'", True),
        ("phenomenonTime ge 2026-11-23T08:00:00+07:00", True),
        ("phenomenonTime gt 2026-11-23T01:00:00Z", False),
        ("span lt 2026-11-23T00:00:01Z", False),
        ("span lt 2026-11-24T00:00:01Z", True),
        ("span gt 2026-11-23T23:00:00Z", False),
        ("span gt 2026-11-22T23:00:00Z", True),
        ("Datastreams/name eq 'pm10'", True),
        ("Datastreams/name eq 'co'", False),
        ("nothing eq null", True),
        ("result ne null", True),
        ("result gt 'a'", False),
        ("result add 1 mul 2 eq 23.5", True),
        ("(result add 1) mul 2 eq 45", True),
        ("result mod 2 eq 1.5 and result sub 21.5 eq 0", True),
        ("result div 0 eq 1", False),
        ("round(result) eq 22 and floor(result) eq 21 and ceiling(result) eq 22", True),
        ("year(phenomenonTime) eq 2026 and month(phenomenonTime) eq 11 and day(phenomenonTime) eq 23", True),
        ("hour(phenomenonTime) eq 1 and minute(phenomenonTime) eq 0", True),
        ("phenomenonTime gt now() sub duration'PT1H'", True),
        ("phenomenonTime lt now() sub duration'P1D'", False),
        ("indexof(name, 'dust') eq 11", True),
        ("geo.distance(location, geography'POINT (107.043 20.954)') lt 0.002", True),
        ("geo.distance(location, geography'POINT(108 21)') lt 0.5", False),
        (
            f"st_within(location, geography'POLYGON ({SQUARE})')",
            True,
        ),
        (
            f"st_within(location, geography'POLYGON ({SQUARE}, {HOLE})')",
            False,
        ),
        ("st_disjoint(location, geography'POLYGON ((7 20.9, 7.1 20.9, 7.1 21, 7 21, 7 20.9))')", True),
        ("geo.intersects(location, geography'POLYGON ((107 20.9, 107.1 21, 107 21, 107 20.9))')", True),
        ("st_equals(location, geography'POINT (107.043 20.953)')", True),
        ("true", True),
        ("1 eq 2 or 1 eq 1 and 2 eq 3", False),
    ],
)
def test_what_it_means(text: str, result: bool) -> None:
    assert holds(parse(text, NOW_MS), lookup) is result


@pytest.mark.parametrize(
    "text",
    ["", "result eq", "result eq 1)", "(result eq 1", "nosuch(1)", "length(1,2)", "result eq 1 2", "'open", "a;b",
     "2026-13-45T00:00:00Z eq 1",
     "length(result) eq 1", "st_within(name, geography'POINT (1 2)')", "geo.length(location) gt 1", "result add 'a' eq 1",
     "geography'POINT (1)' eq 1", "geography'LINESTRING (1 2, 3 4)' eq 1", "duration'1 h' eq 1", "now(1) gt 2", "year('x') eq 1",
     "geography'POLYGON ((1 2, 3 4, 5 6, 7 8))' eq 1", "geography'POLYGON ((" + "1 2, " * 1200 + "1 2))' eq 1",
     "(" * 40 + "1" + ")" * 40, "x" * 5000, "not " * 50 + "true"],
)  # fmt: skip
def test_what_cannot_be_understood_is_one_sentence(text: str) -> None:
    with pytest.raises(FilterError) as caught:
        holds(parse(text), lookup)
    assert "\n" not in str(caught.value)


def test_a_long_chain_is_no_deep_one() -> None:
    assert holds(parse(" and ".join(["1 eq 1"] * 350)), lookup)


@given(
    st.text(max_size=60)
    | st.lists(
        st.sampled_from(
            [
                "result",
                "eq",
                "1",
                "and",
                "(",
                ")",
                "not",
                "'a'",
                ",",
                "length",
                "name",
                "/",
                "add",
                "div",
                "0",
                "floor",
                "1e400",
                "year",
                "st_within",
                "geography'POINT(1 2)'",
                "now()",
                "sub",
                "duration'P999999D'",
                "location",
            ]
        ),
        max_size=20,
    ).map(" ".join)
)
def test_any_text_is_understood_or_refused(text: str) -> None:
    with suppress(FilterError):
        holds(parse(text), lookup)


def test_options_of_an_expansion() -> None:
    options = read(
        {
            "$expand": "Datastreams($top=1;$expand=Observations($filter=result gt 1;$orderby=phenomenonTime desc))"
            ",Locations/Things"
        }
    )
    (name, inner), (other, deep) = options.expand
    assert (name, inner.top, other) == ("Datastreams", 1, "Locations")
    assert inner.expand[0][1].orderby[0].descending
    assert deep.expand[0][0] == "Things"


@pytest.mark.parametrize(
    "given_options",
    [
        {"$top": "-1"},
        {"$top": "x"},
        {"$top": "١"},
        {"$skip": "9" * 20},
        {"$count": "yes"},
        {"$orderby": "a b c"},
        {"$orderby": ""},
        {"$select": "a b"},
        {"$expand": "Datastreams($top=1"},
        {"$expand": "A/B/C/D/E"},
        {"$expand": "A($expand=B($expand=C($expand=D($expand=E))))"},
        {"$expand": ",".join(["A"] * 11)},
        {"$expand": "A(top)"},
        {"$format": "json"},
        {"$resultFormat": "dataArray"},
    ],
)
def test_an_option_that_cannot_be_used_is_one_sentence(given_options: dict[str, str]) -> None:
    with pytest.raises(OptionError) as caught:
        read(given_options)
    assert "\n" not in str(caught.value)


@given(
    st.dictionaries(
        st.sampled_from(["$filter", "$select", "$expand", "$orderby", "$top"]), st.text(max_size=40)
    )
)
def test_any_options_are_read_or_refused(given_options: dict[str, str]) -> None:
    with suppress(OptionError):
        read(given_options)
