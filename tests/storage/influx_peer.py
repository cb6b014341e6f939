"""An InfluxDB 2.7 or 3 in the test's own process, as far as the store's writes and counts go.

It answers byte by byte what these servers are documented to answer (2.7: code and message, partial writes with 422; 3: all
or nothing, the first bad line by its number), and keeps the points, so that what is stored can be counted by the same query
as on a real server. Which lines are bad: those that are no line protocol; those of another type than the column has; those
older than `oldest_ms`, where there is one.
"""

import json
import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

from aiohttp import web

USER = ("anyone", "a-token")
_LINE = re.compile(r"([a-z0-9_]+),sensor=([a-z0-9-]+),site=[a-z0-9-]+ (value=\S+) (\d+)")
_COUNT = re.compile(
    r'SELECT count\("value"\) FROM /\^\[\^H\]/ WHERE time >= (\d+)ms AND time < (\d+)ms GROUP BY "sensor"'
)


class Point(NamedTuple):
    """One line, read."""

    quantity: str
    sensor: str
    time_ms: int
    types: tuple[tuple[str, str], ...]


@dataclass
class Peer:
    """`version` is "2.7" or "3". `busy` writes are answered by an overloaded server first; `database` is the only one."""

    version: str
    database: str = "city"
    oldest_ms: int | None = None
    busy: int = 0
    may_write: bool = True
    points: set[tuple[str, str, int]] = field(default_factory=set)
    types: dict[tuple[str, str], str] = field(default_factory=dict)
    requests: int = 0
    compressed: int = 0
    url: str = ""

    def read(self, line: str) -> Point | None:
        match = _LINE.fullmatch(line)
        if match is None:
            return None
        quantity, sensor, fields, time_ms = match.groups()
        pairs = (one.split("=") for one in fields.split(","))
        return Point(
            quantity,
            sensor,
            int(time_ms),
            tuple((name, "integer" if value.endswith("i") else "float") for name, value in pairs),
        )

    def conflict(self, point: Point) -> tuple[str, str, str] | None:
        """(field, given type, known type) of the first field that has another type."""
        for name, kind in point.types:
            known = self.types.get((point.quantity, name), kind)
            if known != kind:
                return name, kind, known
        return None

    def keep(self, point: Point) -> None:
        for name, kind in point.types:
            self.types.setdefault((point.quantity, name), kind)
        self.points.add((point.quantity, point.sensor, point.time_ms))

    async def on_write(self, request: web.Request) -> web.Response:
        self.requests += 1
        self.compressed += request.headers.get("Content-Encoding") == "gzip"
        assert dict(request.query) == {"db": request.query["db"], "precision": "ms"}
        assert request.headers["Content-Type"] == "text/plain; charset=utf-8"
        denied = self.denied(request)
        if denied is not None:
            return denied
        if self.busy:
            self.busy -= 1
            return self.overloaded()
        lines = (await request.read()).decode().split("\n")
        return self.write_2(lines) if self.version == "2.7" else self.write_3(lines)

    def denied(self, request: web.Request) -> web.Response | None:
        import base64

        given = base64.b64decode(
            request.headers.get("Authorization", "Basic ").removeprefix("Basic ")
        ).decode()
        if given.partition(":")[2] != USER[1]:
            if self.version == "2.7":
                return _json(401, {"code": "unauthorized", "message": "unauthorized access"})
            return _json(401, {"error": "the request was not authenticated"})
        if not self.may_write:
            if self.version == "2.7":
                return _json(403, {"code": "forbidden", "message": "insufficient permissions for write"})
            return _json(403, {"error": "access denied"})
        if self.version == "2.7" and request.query["db"] != self.database:
            return _json(404, {"code": "not found", "message": "no dbrp mapping found"})
        return None

    def overloaded(self) -> web.Response:
        if self.version == "2.7":
            return _json(
                500,
                {"code": "internal error", "message": "unexpected error writing points to database: timeout"},
            )
        return web.Response(status=500, text="write buffer is full")

    def write_2(self, lines: list[str]) -> web.Response:
        points = [(line, self.read(line)) for line in lines if line]
        unread = [
            f"unable to parse '{line}': invalid field format" for line, point in points if point is None
        ]
        if unread:
            return _json(400, {"code": "invalid", "message": "\n".join(unread)})
        conflicts, old = [], []
        for line, point in points:
            assert point is not None
            wrong = self.conflict(point)
            if wrong is not None:
                conflicts.append((point, wrong))
            elif self.oldest_ms is not None and point.time_ms < self.oldest_ms:
                old.append(line)
            else:
                self.keep(point)
        if conflicts:  # one reason only
            point, (name, given, known) = conflicts[0]
            reason = (
                f'field type conflict: input field "{name}" on measurement "{point.quantity}" is type {given},'
                f" already exists as type {known} dropped={len(conflicts)}"
            )
        elif old:
            reason = (
                f"dropped {len(old)} points outside retention policy of duration 1h0m0s - oldest {old[0]},"
                f" newest {old[-1]} dropped={len(old)}"
            )
        else:
            return web.Response(status=204)
        message = f"failure writing points to database: partial write: {reason}"
        return _json(422, {"code": "unprocessable entity", "message": message})

    def write_3(self, lines: list[str]) -> web.Response:
        if lines == [""]:
            return _json(400, {"error": "incoming write was empty"})
        known, points = dict(self.types), []
        for number, line in enumerate(lines, 1):
            point = self.read(line)
            wrong = self.conflict(point) if point is not None else None
            if point is None or wrong is not None:
                self.types = known
                text = (
                    "A generic parsing error occurred: TakeWhile1"
                    if wrong is None
                    else (
                        f"invalid column type for column '{wrong[0]}', expected iox::column_type::field::{wrong[2]},"
                        f" got iox::column_type::field::{wrong[1]}"
                    )
                )
                detail = {"error_message": text, "line_number": number, "original_line": line[:20]}
                return _json(400, {"error": "line protocol parsing error", "data": detail})
            for name, kind in point.types:
                self.types.setdefault((point.quantity, name), kind)
            points.append(point)
        for point in points:
            self.keep(point)
        return web.Response(status=204)

    async def on_query(self, request: web.Request) -> web.Response:
        form = await request.post()
        assert form["epoch"] == "ms"
        statement = str(form["q"])
        if statement.startswith("CREATE DATABASE"):
            if self.version == "2.7":
                return _json(
                    200, {"results": [{"statement_id": 0, "error": "not implemented: CREATE DATABASE"}]}
                )
            return _json(400, {"error": "this feature is not implemented: CREATE DATABASE"})
        if statement.startswith('SELECT last("value")') and not self.points:
            return _json(200, {"results": [{"statement_id": 0}]})
        match = _COUNT.fullmatch(statement)
        assert match is not None, statement
        low, high = int(match[1]), int(match[2])
        found = Counter((quantity, sensor) for quantity, sensor, at in self.points if low <= at < high)
        series = [
            {
                "name": quantity,
                "tags": {"sensor": sensor},
                "columns": ["time", "count"],
                "values": [[low, number]],
            }
            for (quantity, sensor), number in sorted(found.items())
        ]
        return _json(200, {"results": [{"statement_id": 0, "series": series}]})


def _json(status: int, content: object) -> web.Response:
    return web.Response(status=status, body=json.dumps(content).encode(), content_type="application/json")


@asynccontextmanager
async def serving(peer: Peer) -> AsyncIterator[Peer]:
    """The peer listens inside the context; its `url` has user and database in it."""
    application = web.Application(client_max_size=32 << 20)
    application.router.add_post("/write", peer.on_write)
    application.router.add_post("/query", peer.on_query)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    peer.url = f"http://{USER[0]}:{USER[1]}@127.0.0.1:{runner.addresses[0][1]}/{peer.database}"
    try:
        yield peer
    finally:
        await runner.cleanup()
