"""The wire format: what is written can be read, what is cut is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.driver import BadFrameError
from edge.formats import protobuf

U64 = st.integers(0, 2**64 - 1)


@given(st.lists(st.tuples(st.integers(1, 500), U64 | st.binary(max_size=300)), max_size=10))
def test_what_is_written_can_be_read(content: list[tuple[int, int | bytes]]) -> None:
    message = b"".join(
        protobuf.encode_varint(number, value)
        if isinstance(value, int)
        else protobuf.encode_bytes(number, value)
        for number, value in content
    )
    assert list(protobuf.fields(message)) == content


@pytest.mark.parametrize(
    ("message", "value"), [("089601", 150), ("08ffffffffffffffffff01", 2**64 - 1), ("088000", 0)]
)
def test_varints(message: str, value: int) -> None:
    assert list(protobuf.fields(bytes.fromhex(message))) == [(1, value)]


@pytest.mark.parametrize(
    "message",
    [
        "08",
        "0880",
        "08ffffffffffffffffffff01",
        "00",
        "0a05616263",
        "0d000000",
        "0900",
        "0b",
        "0c",
        "0e",
        "0f",
    ],
)
def test_what_is_cut_or_unknown_is_refused(message: str) -> None:
    with pytest.raises(BadFrameError):
        list(protobuf.fields(bytes.fromhex(message)))


@pytest.mark.parametrize(
    "read",
    [
        lambda: protobuf.integer(b"1"),
        lambda: protobuf.octets(1),
        lambda: protobuf.string(b"\xff"),
        lambda: protobuf.string(1),
        lambda: protobuf.real(b"123", 4),
        lambda: protobuf.real(1, 8),
    ],
)
def test_a_field_of_another_type_is_refused(read: object) -> None:
    assert callable(read)
    with pytest.raises(BadFrameError):
        read()
