"""The door of the API, before every route: who asks, may they, how often, how much; what they change is recorded.

It also gives answers their ETag, so that what has not changed is not sent again.
"""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from hashlib import blake2b
from typing import Any, NamedTuple

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse

from api.identity import (
    ANYBODY,
    SAFE_METHODS,
    Principal,
    from_elsewhere,
    is_public,
    needed_role,
    principal_of,
    shown_key,
)
from api.limits import Limiter, Verdict
from api.problems import problem
from storage.book import Book, BookUnavailableError
from storage.keys import Keys

BODY_BYTES = 1024 * 1024
ETAG_BYTES = 512 * 1024  # what is larger changes with every second anyway
POLICY_VIOLATION = 1008

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

log = structlog.get_logger(__name__)


class Access(NamedTuple):
    """How the door is set: reading without a key or not, requests a minute of one key, other origins that may read."""

    open_reading: bool = True
    per_minute: int = 1200
    origins: tuple[str, ...] = ()


OPEN = Access()


class _RefusedError(Exception):
    def __init__(self, status: int, detail: str, *, closes: bool = False) -> None:
        super().__init__(detail)
        self.status, self.detail, self.closes = status, detail, closes


class Gate:
    """ASGI middleware. Afterwards `scope["principal"]` says who asks."""

    def __init__(
        self, app: Application, *, book: Callable[[], Book], access: Access, clock: Callable[[], int]
    ) -> None:
        self._app, self._book, self._access, self._clock = app, book, access, clock
        self._limiter = Limiter(access.per_minute)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        try:
            principal = self._admit(scope, headers)
        except _RefusedError as error:
            await self._refuse(scope, receive, send, error.status, error.detail, None, closes=error.closes)
            return
        except BookUnavailableError as error:
            await self._refuse(scope, receive, send, 503, f"the book does not answer now: {error}", None)
            return
        scope["principal"] = principal
        scope.setdefault("state", {})["who"] = principal.who
        verdict = self._limit(scope, principal)
        if verdict is not None and not verdict.allowed:
            detail = f"too many requests: {verdict.limit} a minute are allowed, wait {verdict.retry_s} s"
            await self._refuse(scope, receive, send, 429, detail, verdict)
            return
        if scope["type"] == "websocket":
            await self._app(scope, receive, send)
            return
        answer = _Answer(self, scope, headers, send, verdict)
        await self._app(scope, _Body(scope, headers, receive).receive, answer.send)

    def _admit(self, scope: Scope, headers: Mapping[str, str]) -> Principal:
        """Who asks; raises _RefusedError."""
        method, path = scope.get("method", "GET"), scope["path"]
        length = headers.get("content-length", "0")
        if (
            "content-length" in headers and "transfer-encoding" in headers
        ):  # a proxy may see another request here
            raise _RefusedError(
                400, "a request has Content-Length or Transfer-Encoding, not both", closes=True
            )
        if not length.isascii() or not length.isdecimal() or int(length[:20]) > BODY_BYTES:
            raise _RefusedError(413, f"a request may have {BODY_BYTES} bytes at most")
        shown = shown_key(headers)
        row = Keys(self._book()).find(shown.key, self._clock()) if shown is not None else None
        if row is None:
            if is_public(path) or method == "OPTIONS":
                return ANYBODY
            if shown is not None:
                raise _RefusedError(401, "this key is not known here, was revoked, or has expired")
            if not self._access.open_reading:
                raise _RefusedError(
                    401, "a key is needed: Authorization: Bearer KEY (halong key create makes one)"
                )
            principal = ANYBODY
        else:
            principal = principal_of(row)
        if method not in SAFE_METHODS and shown is not None and shown.by_cookie and from_elsewhere(headers):
            raise _RefusedError(403, "a page of another site may not change anything here")
        needed = needed_role(method, path)
        if not is_public(path) and not principal.role.covers(needed):
            status = 403 if principal.key_id else 401
            raise _RefusedError(
                status,
                f"this needs the key of an {needed}"
                if principal.key_id
                else f"this needs a key with the role {needed}",
            )
        return principal

    def _limit(self, scope: Scope, principal: Principal) -> Verdict | None:
        """None where nothing is limited: somebody on this very machine, where reading is open."""
        host = (scope.get("client") or ("", 0))[0]
        if principal.key_id:
            return self._limiter.take(principal.key_id, self._clock())
        if host.startswith("127.") or host in ("::1", ""):
            return None
        return self._limiter.take(host, self._clock())

    async def _refuse(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        status: int,
        detail: str,
        verdict: Verdict | None,
        *,
        closes: bool = False,
    ) -> None:
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": POLICY_VIOLATION, "reason": detail[:120]})
            return
        answer: JSONResponse = problem(Request(scope), status, detail)
        if closes:
            answer.headers["Connection"] = "close"
        if status == 401:
            answer.headers["WWW-Authenticate"] = 'Bearer realm="halong"'
        if verdict is not None:
            for name, value in verdict.headers():
                answer.headers[name.decode()] = value.decode()
        await answer(scope, receive, send)

    def record(self, scope: Scope, status: int) -> None:
        """What was changed, by whom. A book that does not answer is told in the log, the change stands."""
        principal: Principal = scope["principal"]
        detail = str(scope.get("change", ""))
        try:
            Keys(self._book()).record(
                self._clock(),
                principal.who,
                principal.role,
                scope["method"],
                scope["path"],
                detail or str(status),
            )
        except BookUnavailableError as error:
            log.error("change not recorded", path=scope["path"], who=principal.who, reason=str(error))


class _Body:
    """A request's body, no longer than is allowed."""

    def __init__(self, scope: Scope, headers: Mapping[str, str], receive: Receive) -> None:
        self._receive, self._left = receive, BODY_BYTES

    async def receive(self) -> Message:
        message = await self._receive()
        self._left -= len(message.get("body", b""))
        if self._left < 0:  # chunked: nobody said how long it would be
            return {"type": "http.disconnect"}
        return message


class _Answer:
    """An answer on its way out: recorded when it tells of a change, with limits and, for a whole one, its ETag."""

    def __init__(
        self, gate: Gate, scope: Scope, headers: Mapping[str, str], send: Send, verdict: Verdict | None
    ) -> None:
        self._gate, self._scope, self._headers, self._send, self._verdict = (
            gate,
            scope,
            headers,
            send,
            verdict,
        )
        self._start: Message | None = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            await self._begin(message)
        elif self._start is None:
            await self._send(message)
        else:
            start, self._start = self._start, None
            if message.get("more_body"):
                await self._send(start)
                await self._send(message)
            else:
                await self._whole(start, message)

    async def _begin(self, message: Message) -> None:
        headers = list(message.get("headers", ()))
        if self._verdict is not None:
            headers += self._verdict.headers()
        if not any(name.lower() == b"x-content-type-options" for name, _ in headers):
            headers.append((b"x-content-type-options", b"nosniff"))
        message["headers"] = headers
        if self._scope["method"] not in SAFE_METHODS and message["status"] < 400:
            self._gate.record(self._scope, message["status"])
        if self._scope["method"] == "GET" and message["status"] == 200:
            self._start = message  # held back until it is clear whether the answer is one piece
        else:
            await self._send(message)

    async def _whole(self, start: Message, message: Message) -> None:
        names = {name.lower() for name, _ in start["headers"]}
        body = message.get("body", b"")
        if b"etag" not in names and len(body) <= ETAG_BYTES:
            etag = f'"{blake2b(body, digest_size=12).hexdigest()}"'
            start["headers"].append((b"etag", etag.encode()))
            if b"cache-control" not in names:
                start["headers"] += [
                    (b"cache-control", b"private, no-cache"),
                    (b"vary", b"Accept, Authorization, Cookie"),
                ]
            known = {
                one.strip().removeprefix("W/") for one in self._headers.get("if-none-match", "").split(",")
            }
            if etag in known or "*" in known:
                left = (b"content-length", b"content-type")
                start["headers"] = [(n, v) for n, v in start["headers"] if n.lower() not in left]
                start["status"] = 304
                message = {"type": "http.response.body", "body": b""}
        await self._send(start)
        await self._send(message)
