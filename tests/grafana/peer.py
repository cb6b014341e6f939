"""A small Grafana of the documented HTTP API, in this process: it keeps what it is given, and asks InfluxDB what it is asked.

Not Grafana: it draws nothing (an image of one pixel), evaluates no alert rule, and knows one kind of data source. What it
refuses is what the documents say is refused.
"""

import base64
import json
import re
import struct
import urllib.error
import urllib.parse
import urllib.request
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

RULE = {
    "uid",
    "title",
    "condition",
    "data",
    "for",
    "noDataState",
    "execErrState",
    "folderUID",
    "ruleGroup",
    "orgID",
}


class RefusalError(Exception):
    """A status and what Grafana says with it."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Peer(ThreadingHTTPServer):
    """What it has been given, by uid."""

    def __init__(self, secret: str, *, draws: bool = True) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.secret, self.draws = secret, draws
        self.folders: dict[str, str] = {}
        self.sources: dict[str, dict[str, Any]] = {}
        self.dashboards: dict[str, dict[str, Any]] = {}
        self.groups: dict[str, dict[str, Any]] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def answer(self, method: str, path: str, asked: Mapping[str, str], body: Any) -> object:
        """The JSON (or PNG bytes) for a request. Raises RefusalError."""
        match method, path.split("/")[1:]:
            case "GET", ["api", "health"]:
                return {"database": "ok", "version": "peer"}
            case "GET", ["api", "frontend", "settings"]:
                return {"rendererAvailable": self.draws}
            case "GET", ["api", "folders", uid]:
                return {"uid": uid, "title": _found(self.folders, uid, "folder not found")}
            case "POST", ["api", "folders"]:
                if body["uid"] in self.folders:
                    raise RefusalError(409, "a folder with the same uid already exists")
                self.folders[body["uid"]] = body["title"]
                return body
            case "GET", ["api", "datasources", "uid", uid]:
                return _found(self.sources, uid, "Data source not found")
            case "POST", ["api", "datasources"]:
                if body["uid"] in self.sources:
                    raise RefusalError(409, "data source with the same uid already exists")
                self.sources[body["uid"]] = body
                return {"datasource": body, "message": "Datasource added"}
            case "PUT", ["api", "datasources", "uid", uid]:
                _found(self.sources, uid, "Data source not found")
                self.sources[uid] = body
                return {"datasource": body, "message": "Datasource updated"}
            case "POST", ["api", "dashboards", "db"]:
                return self._dashboard(body)
            case "PUT", ["api", "v1", "provisioning", "folder", folder, "rule-groups", group]:
                _found(self.folders, folder, "folder not found")
                return self._rules(folder, group, body)
            case "POST", ["api", "ds", "query"]:
                results = {one["refId"]: self._query(one, body) for one in body["queries"]}
                if any("error" in one for one in results.values()):
                    raise RefusalError(400, json.dumps({"results": results}))
                return {"results": results}
            case "GET", ["render", "d-solo", uid, _]:
                panels = _found(self.dashboards, uid, "Dashboard not found")["panels"]
                if int(asked["panelId"]) not in {panel["id"] for panel in panels}:
                    raise RefusalError(500, "Rendering failed: panel not found")
                return png(int(asked["width"]), int(asked["height"]))
        raise RefusalError(404, "Not found")

    def _dashboard(self, body: Any) -> object:
        model = body["dashboard"]
        _found(self.folders, body["folderUid"], "folder not found")
        if not model.get("title"):
            raise RefusalError(400, "Dashboard title cannot be empty")
        if model["uid"] in self.dashboards and not body.get("overwrite"):
            raise RefusalError(412, "The dashboard has been changed by someone else")
        self.dashboards[model["uid"]] = model
        return {"uid": model["uid"], "url": f"/d/{model['uid']}/x", "status": "success", "version": 1}

    def _rules(self, folder: str, group: str, body: Any) -> object:
        if (body["title"], body["folderUid"]) != (group, folder) or not isinstance(body["interval"], int):
            raise RefusalError(
                400, "the group is not the one of the path, or its interval is no number of seconds"
            )
        for rule in body["rules"]:
            if missing := RULE - rule.keys():
                raise RefusalError(400, f"invalid alert rule: {sorted(missing)}")
            if rule["condition"] not in {one["refId"] for one in rule["data"]}:
                raise RefusalError(400, "invalid alert rule: condition must be one of the queries")
            for one in rule["data"]:
                if one["datasourceUid"] != "__expr__":
                    _found(self.sources, one["datasourceUid"], "invalid alert rule: data source not found")
        self.groups[group] = body
        return body

    def _query(self, asked: Mapping[str, Any], body: Mapping[str, Any]) -> dict[str, Any]:
        """Macros in the server's order, then a POST to InfluxDB; a frame for each series and column, or one a table."""
        source = _found(self.sources, asked["datasource"]["uid"], "Data source not found")
        start, end, every = int(body["from"]), int(body["to"]), int(asked["intervalMs"])
        query = asked["query"].replace("$timeFilter", f"time >= {start}ms and time <= {end}ms")
        query = query.replace("$__interval_ms", str(every)).replace("$__interval", f"{every}ms")
        if left := re.search(r"\$\w+", query):
            return {"error": f"{left[0]} was not replaced", "status": 400}
        words = urllib.parse.urlencode({"db": source["jsonData"]["dbName"], "epoch": "ms"})
        request = urllib.request.Request(
            f"{source['url']}/query?{words}", urllib.parse.urlencode({"q": query}).encode()
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                (result,) = json.load(answer)["results"]
        except urllib.error.HTTPError as error:
            result = json.load(error)
        if "error" in result:
            return {"error": result["error"], "status": 400}
        frames = []
        for series in result.get("series", []):
            times, *columns = zip(*series["values"], strict=True)
            whole = [("Value", list(column)) for column in columns]
            for shown in [whole] if asked["resultFormat"] == "table" else [[one] for one in whole]:
                labels = series.get("tags", {})
                fields: list[Any] = [{"name": "Time", "type": "time"}]
                fields += [{"name": name, "labels": labels} for name, _ in shown]
                values = [list(times), *(column for _, column in shown)]
                frames.append(
                    {"schema": {"refId": asked["refId"], "fields": fields}, "data": {"values": values}}
                )
        return {"status": 200, "frames": frames}


def _found(where: Mapping[str, Any], uid: str, otherwise: str) -> Any:
    if uid not in where:
        raise RefusalError(404, otherwise)
    return where[uid]


def png(width: int, height: int) -> bytes:
    """A grey image."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress((b"\0" + bytes([200]) * width) * height)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


class _Handler(BaseHTTPRequestHandler):
    server: Peer

    def _do(self) -> None:
        path, _, query = self.path.partition("?")
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            self._let_in(path)
            asked = dict(urllib.parse.parse_qsl(query))
            found = self.server.answer(
                self.command, urllib.parse.unquote(path), asked, json.loads(body or b"null")
            )
            self._say(200, found)
        except RefusalError as refusal:
            self._say(refusal.status, {"message": str(refusal)})

    def _let_in(self, path: str) -> None:
        secret = self.server.secret
        basic = f"Basic {base64.b64encode(secret.encode()).decode()}"
        good = basic if ":" in secret else f"Bearer {secret}"
        if path != "/api/health" and self.headers.get("Authorization") != good:
            raise RefusalError(401, "Unauthorized")

    def _say(self, status: int, content: object) -> None:
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PUT = _do  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def peer(secret: str = "glsa_secret", *, draws: bool = True) -> Iterator[Peer]:
    """One that serves until the end."""
    with Peer(secret, draws=draws) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
