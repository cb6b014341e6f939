"""The little of HTTP/1.1 that a push needs: one bounded request with Content-Length, one answer, good-bye (RFC 9112). Pure."""

import re
from collections.abc import Mapping
from typing import NamedTuple

MAX_HEAD = 8 * 1024
MAX_BODY = 64 * 1024
REASONS = {
    200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed", 408: "Request Timeout",
    411: "Length Required", 413: "Content Too Large", 431: "Request Header Fields Too Large", 501: "Not Implemented",
    503: "Service Unavailable", 505: "HTTP Version Not Supported",
}  # fmt: skip
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_TARGET = re.compile(r"/[\x21-\x7e]*")


class RefusedError(ValueError):
    """The request gets `status` and this sentence, and nothing else happens."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status


class Head(NamedTuple):
    """A request without its body; header names in lower case, `path` without a query."""

    method: str
    path: str
    headers: Mapping[str, str]

    def body_size(self) -> int:
        """How many bytes follow; raises RefusedError."""
        if "transfer-encoding" in self.headers:
            raise RefusedError(501, "send Content-Length, not Transfer-Encoding")
        given = self.headers.get("content-length")
        if given is None:
            raise RefusedError(411, "Content-Length is missing")
        if not given.isascii() or not given.isdigit():
            raise RefusedError(400, "Content-Length is not a number")
        if len(given) > len(str(MAX_BODY)) or int(given) > MAX_BODY:
            raise RefusedError(413, f"a body has {MAX_BODY} bytes at most")
        return int(given)


def parse_head(head: bytes) -> Head:
    """The request line and headers, up to and with the empty line; raises RefusedError."""
    lines = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    parts = lines[0].split(" ")
    if len(parts) != 3 or not _TOKEN.fullmatch(parts[0]) or not _TARGET.fullmatch(parts[1]):
        raise RefusedError(400, "the first line must be METHOD /path HTTP/1.1")
    if parts[2] not in ("HTTP/1.1", "HTTP/1.0"):
        raise RefusedError(505 if parts[2].startswith("HTTP/") else 400, "speak HTTP/1.1")
    headers: dict[str, str] = {}
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if not colon or not _TOKEN.fullmatch(name) or any(letter in value for letter in "\r\n\0"):
            raise RefusedError(400, "a header line must be Name: value")
        if headers.setdefault(name.lower(), value.strip(" \t")) != value.strip(" \t"):
            raise RefusedError(400, f"two different headers {name}")
    return Head(parts[0], parts[1].partition("?")[0], headers)


def answer(status: int, words: str, allowed: str = "POST") -> bytes:
    """A whole answer in plain text; the connection closes behind it."""
    body = f"{words}\n".encode()
    allow = f"Allow: {allowed}\r\n" if status == 405 else ""
    head = (
        f"HTTP/1.1 {status} {REASONS[status]}\r\nContent-Type: text/plain; charset=utf-8\r\n"
        f"Content-Length: {len(body)}\r\n{allow}Connection: close\r\n\r\n"
    )
    return head.encode("ascii") + body
