"""Control messages: what was said is understood, anything else is BadMessageError and nothing else."""

import json
from contextlib import suppress
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.inventory import Sensor, Site
from telemetry.messages import (
    Ack,
    BadMessageError,
    Birth,
    Command,
    Epoch,
    PortCounters,
    State,
    decode_message,
    to_ranges,
)

NUMBERS = st.integers(0, 2**63 - 1)
RANGES = st.lists(st.tuples(NUMBERS, NUMBERS), max_size=5)
JOURNALS = st.from_regex(r"[0-9a-f]{4,32}", fullmatch=True)
DEEP = b'{"x":' + b"[" * 50_000
BAD = [
    b"",
    b"{",
    b"[]",
    b"null",
    b"5",
    b'{"gateway":"\xff"}',
    b'{"\xff":[]}',
    b"\xff\xfe",
    DEEP,
    DEEP + b"]" * 50_000 + b"}",
]


class TestAck:
    """What a commit stored."""

    @given(ack=st.builds(Ack, st.dictionaries(JOURNALS, RANGES, max_size=4), NUMBERS, NUMBERS))
    def test_decoding_an_encoded_one_is_identity(self, ack: Ack) -> None:
        assert Ack.decode(ack.encode()) == ack

    def test_the_wire_form(self) -> None:
        wire = b'{"0123abcd":[[0,4],[7,7]],"time":1700000000000,"credit":16}'
        assert Ack({"0123abcd": [(0, 4), (7, 7)]}, 1_700_000_000_000, 16).encode() == wire
        assert Ack.decode(wire) == Ack({"0123abcd": [(0, 4), (7, 7)]}, 1_700_000_000_000, 16)

    @pytest.mark.parametrize(
        "payload",
        [
            *BAD,
            b"{}",
            b'{"time":1}',
            b'{"credit":1}',
            b'{"time":[],"credit":1}',
            b'{"time":1,"credit":[[1,2]]}',
            b'{"time":1.5,"credit":1}',
            b'{"time":1,"credit":1,"abcd":[[1]]}',
            b'{"time":1,"credit":1,"abcd":[[1,2,3]]}',
            b'{"time":1,"credit":1,"abcd":"1-2"}',
            b'{"time":1,"credit":1,"\xff":[]}',
        ],
    )
    def test_what_is_none_is_told(self, payload: bytes) -> None:
        with pytest.raises(BadMessageError, match="not an acknowledgement"):
            Ack.decode(payload)


@given(numbers=st.lists(st.integers(0, 60)))
def test_ranges_hold_exactly_the_numbers_and_are_the_fewest(numbers: list[int]) -> None:
    ranges = to_ranges(numbers)
    assert [n for low, high in ranges for n in range(low, high + 1)] == sorted(set(numbers))
    assert all(high + 1 < low for (_, high), (low, _) in pairwise(ranges))


MESSAGES: list[Any] = [
    Birth(
        "gw-1",
        Site("bai-chay", "Bãi Cháy", 20.953, 107.043, "beach"),
        (
            Sensor("pm-1", "pms5003", ("pm25", "pm10"), 1.0, "Bụi", 20.9, 107.0),
            Sensor("r-1", "ops243", ("vehicle_speed",)),
        ),
        (17, 3),
        1_700_000_000_000,
        "0.1.0",
    ),
    State(
        "gw-1",
        True,
        (17, 3),
        time_ms=5,
        accepted=100,
        duplicates=1,
        backlog=3,
        ports=(PortCounters("/dev/ttyUSB0", True, 9, 1, 8, 4), PortCounters("t", False, 0, 0, 0)),
    ),
    State("gw-1", False, (17, 3)),
    Epoch("a1-2", True),
    Command((0, 1_700_000_000_000)),
    Command(),
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_a_message_comes_back_as_it_was(message: Any) -> None:
    assert decode_message(type(message), msgspec.json.encode(message)) == message


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_a_newer_programs_key_is_ignored(message: Any) -> None:
    content = json.loads(msgspec.json.encode(message)) | {"added_later": [1, {"x": 2}]}
    assert decode_message(type(message), json.dumps(content).encode()) == message


@pytest.mark.parametrize("kind", [Birth, State, Epoch])
@pytest.mark.parametrize("payload", [*BAD, b"{}", b'{"gateway":5,"epoch":6}'])
def test_what_is_no_such_message_is_told(kind: Any, payload: bytes) -> None:
    with pytest.raises(BadMessageError, match=f"not a {kind.__name__.lower()} message"):
        decode_message(kind, payload)


@pytest.mark.parametrize(
    "payload", [b"", b"{", b"[]", b"null", DEEP, b'{"resend":[1]}', b'{"resend":["a","b"]}', b'{"resend":5}']
)
def test_what_is_no_command_is_told(payload: bytes) -> None:
    with pytest.raises(BadMessageError, match="not a command message"):
        decode_message(Command, payload)


@given(payload=st.binary(max_size=60))
def test_arbitrary_bytes_raise_only_bad_message(payload: bytes) -> None:
    for decode in (
        Ack.decode,
        *(lambda data, kind=kind: decode_message(kind, data) for kind in (Birth, State, Epoch, Command)),
    ):
        with suppress(BadMessageError):
            decode(payload)
