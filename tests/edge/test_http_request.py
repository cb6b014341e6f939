"""One bounded HTTP request: what is understood, what is refused with which status."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.http_request import MAX_BODY, RefusedError, answer, parse_head

LINE = b"POST /v1/push-sensor-data/ HTTP/1.1\r\n"


def test_a_request() -> None:
    head = parse_head(LINE + b"Host: a\r\nX-Sensor:  esp8266-1 \r\nContent-Length: 12\r\n\r\n")
    assert (head.method, head.path) == ("POST", "/v1/push-sensor-data/")
    assert head.headers == {"host": "a", "x-sensor": "esp8266-1", "content-length": "12"}
    assert head.body_size() == 12
    assert parse_head(b"GET /x?a=b HTTP/1.0\r\n\r\n").path == "/x"


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"\r\n\r\n", 400),
        (b"POST\r\n\r\n", 400),
        (b"POST  / HTTP/1.1\r\n\r\n", 400),
        (b"POST http://a/ HTTP/1.1\r\n\r\n", 400),
        (b"POST / SPDY\r\n\r\n", 400),
        (b"POST / HTTP/2.0\r\n\r\n", 505),
        (b"\x16\x03\x01 / HTTP/1.1\r\n\r\n", 400),
        (LINE + b"Host a\r\n\r\n", 400),
        (LINE + b" folded: a\r\n\r\n", 400),
        (LINE + b"Host : a\r\n\r\n", 400),
        (LINE + b"A: b\nC: d\r\n\r\n", 400),
        (LINE + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
    ],
)
def test_a_head_that_is_refused(head: bytes, status: int) -> None:
    with pytest.raises(RefusedError) as caught:
        parse_head(head)
    assert caught.value.status == status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (b"", 411),
        (b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", 501),
        (b"Content-Length: -1\r\n", 400),
        (b"Content-Length: 1_0\r\n", 400),
        (b"Content-Length: \xb2\r\n", 400),
        (b"Content-Length: %d\r\n" % (MAX_BODY + 1), 413),
        (b"Content-Length: 99999999999999999999999\r\n", 413),
    ],
)
def test_a_body_that_is_refused(headers: bytes, status: int) -> None:
    with pytest.raises(RefusedError) as caught:
        parse_head(LINE + headers + b"\r\n").body_size()
    assert caught.value.status == status


def test_an_answer_is_whole() -> None:
    head, _, body = answer(405, "only POST").partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 405 Method Not Allowed\r\n")
    assert b"Allow: POST" in head
    assert b"Content-Length: 10" in head
    assert body == b"only POST\n"


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_understood_or_refused(head: bytes) -> None:
    try:
        size = parse_head(head + b"\r\n\r\n").body_size()
    except RefusedError:
        return
    assert 0 <= size <= MAX_BODY
