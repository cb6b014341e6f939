"""Receivers of alarms: an HTTP server that fails and loses answers as it is told, and a real SMTP server."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiohttp import web
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from halong.installation import free_port


class Receiver:
    """`bad` says for the next requests, one by one: an HTTP status, or 0 to take it and hang up without an answer."""

    def __init__(self) -> None:
        self.bad: list[int] = []
        self.url = ""
        self.requests: list[tuple[dict[str, str], Any, str]] = []  # headers, body, path: whatever came
        self.taken: list[str] = []  # keys of what it has taken in, in order, repetitions too

    async def hear(self, request: web.Request) -> web.Response:
        body = await request.text()
        self.requests.append((dict(request.headers), json.loads(body) if body else None, request.path_qs))
        status = self.bad.pop(0) if self.bad else 200
        if status in (0, 200):
            self.taken.append(request.headers.get("Idempotency-Key", ""))
        if status == 0:
            assert request.transport is not None
            request.transport.close()
        return web.Response(status=status or 200, text="go away" if status >= 400 else "")

    def states(self) -> list[str]:
        """What a receiver that knows repetitions by their key has seen, in order."""
        return list(dict.fromkeys(self.taken))


@asynccontextmanager
async def receiving(port: int = 0) -> AsyncIterator[Receiver]:
    receiver = Receiver()
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", receiver.hear)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    try:
        yield receiver
    finally:
        await runner.cleanup()


class Postbox:
    """`bad`: replies of the next deliveries instead of taking them."""

    def __init__(self) -> None:
        self.bad: list[str] = []
        self.letters: list[tuple[list[str], EmailMessage]] = []
        self.url = ""

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802  # aiosmtpd's name
        if self.bad:
            return self.bad.pop(0)
        assert isinstance(envelope.content, bytes)
        letter = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(letter, EmailMessage)
        self.letters.append((envelope.rcpt_tos, letter))
        return "250 taken"


@contextmanager
def post() -> Iterator[Postbox]:
    box = Postbox()
    port = free_port()
    # It cannot choose one itself: it looks there.
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    box.url = f"smtp://127.0.0.1:{port}"
    try:
        yield box
    finally:
        controller.stop()
