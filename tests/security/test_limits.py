"""Every parser that hears strangers asks for the size first: what is too long is called so, not what is wrong inside."""

from collections.abc import Callable
from typing import Any

import pytest

from edge.driver import BadFrameError
from edge.payloads import MAX_PAYLOAD as MAX_PUBLISHED
from edge.payloads import FieldSpec, JsonMapping, SenmlMapping
from telemetry.messages import MAX_MESSAGE, Ack, BadMessageError, Birth, State, decode_message
from telemetry.packcolumns import decode_columns
from telemetry.packs import MAX_PAYLOAD, decode_pack
from telemetry.senml import SenmlError

PARSERS: list[tuple[str, Callable[[bytes], Any], int, type[Exception]]] = [
    ("pack in columns", decode_columns, MAX_PAYLOAD, SenmlError),
    ("pack", decode_pack, MAX_PAYLOAD, SenmlError),
    ("birth", lambda payload: decode_message(Birth, payload), MAX_MESSAGE, BadMessageError),
    ("state", lambda payload: decode_message(State, payload), MAX_MESSAGE, BadMessageError),
    ("acknowledgement", Ack.decode, MAX_MESSAGE, BadMessageError),
    ("JSON source", JsonMapping({"co2": FieldSpec("v", None)}, None).decode, MAX_PUBLISHED, BadFrameError),
    ("SenML source", lambda payload: SenmlMapping(False, {}).decode(payload, 0), MAX_PUBLISHED, BadFrameError),
    ("CBOR source", lambda payload: SenmlMapping(True, {}).decode(payload, 0), MAX_PUBLISHED, BadFrameError),
]  # fmt: skip


@pytest.mark.parametrize(("name", "parse", "limit", "error"), PARSERS, ids=[one[0] for one in PARSERS])
def test_the_size_is_asked_first(
    name: str, parse: Callable[[bytes], Any], limit: int, error: type[Exception]
) -> None:
    rubbish = b"{" * (limit + 1)
    with pytest.raises(error, match=f"{limit + 1} bytes|above {limit}"):
        parse(rubbish)
    with pytest.raises(error) as caught:  # and one byte less is looked at, and is wrong inside
        parse(rubbish[:-1])
    assert str(limit) not in str(caught.value)
