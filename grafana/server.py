"""A running Grafana, by its documented HTTP API: load what the code makes into it, ask through it, have it draw.

Folder, dashboards, data sources and query: https://grafana.com/docs/grafana/latest/developers/http_api/ ; alert rules:
…/alerting/set-up/provision-alerting-resources/http-api-provisioning/ (`PUT …/folder/<uid>/rule-groups/<group>`).
"""

import base64
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from grafana import alerts
from grafana.model import PAGE, Dashboard
from grafana.provision import FOLDER

FOLDER_UID = "halong"
TIMEOUT_S = 60.0
PNG = b"\x89PNG\r\n\x1a\n"


class GrafanaError(Exception):
    """Grafana is not there, or refused; the text is one line."""


class Frame(NamedTuple):
    """One series of an answer: labels, and the names and values of its columns."""

    labels: Mapping[str, str]
    names: Sequence[str]
    columns: Sequence[Sequence[Any]]


class Grafana:
    """At `url`; `secret` is a service account's token, or `user:password`, or "" for one that lets anybody in."""

    def __init__(self, url: str, secret: str = "") -> None:
        self.url = url.rstrip("/")
        self._secret = secret

    def version(self) -> str:
        """Of the server. Raises GrafanaError, as all here does."""
        return str(self._json("GET", "/api/health").get("version", "unknown"))

    def draws(self) -> bool:
        """Whether its image renderer is there."""
        return bool(self._json("GET", "/api/frontend/settings").get("rendererAvailable"))

    def load(self, source: Mapping[str, Any], dashboards: Iterable[Dashboard], page: str = PAGE) -> list[str]:
        """Data source, folder, dashboards and alert rules, in the place of what is there; returns the dashboards' paths."""
        self._put_source(source)
        if self._call("GET", f"/api/folders/{FOLDER_UID}", missing=True) is None:
            self._json("POST", "/api/folders", {"uid": FOLDER_UID, "title": FOLDER})
        paths = []
        for dashboard in dashboards:
            body = {"dashboard": json.loads(dashboard.text(page)), "folderUid": FOLDER_UID, "overwrite": True}
            paths.append(str(self._json("POST", "/api/dashboards/db", body)["url"]))
        for group in alerts.groups():
            self._put_rules(group)
        return paths

    def _put_source(self, source: Mapping[str, Any]) -> None:
        path = f"/api/datasources/uid/{source['uid']}"
        if self._call("GET", path, missing=True) is None:
            self._json("POST", "/api/datasources", source)
        else:
            self._json("PUT", path, source)

    def _put_rules(self, group: Mapping[str, Any]) -> None:
        """A group of the provisioning file, in the API's words: seconds, and the folder by its uid."""
        seconds = int(group["interval"].removesuffix("m")) * 60
        mine = {"folderUID": FOLDER_UID, "ruleGroup": group["name"], "orgID": group["orgId"]}
        body = {
            "title": group["name"],
            "folderUid": FOLDER_UID,
            "interval": seconds,
            "rules": [rule | mine for rule in group["rules"]],
        }
        name = urllib.parse.quote(str(group["name"]), safe="")
        self._json("PUT", f"/api/v1/provisioning/folder/{FOLDER_UID}/rule-groups/{name}", body)

    def ask(
        self,
        targets: Sequence[Mapping[str, Any]],
        start_ms: int,
        end_ms: int,
        *,
        interval_ms: int,
        points: int,
    ) -> dict[str, list[Frame]]:
        """Frames by `refId`, as a panel asks; Grafana expands the macros, the variables must be in their place already."""
        queries = [{**one, "intervalMs": interval_ms, "maxDataPoints": points} for one in targets]
        body = {"queries": queries, "from": str(start_ms), "to": str(end_ms)}
        found: dict[str, list[Frame]] = {}
        for name, result in self._json("POST", "/api/ds/query", body)["results"].items():
            if result.get("error"):
                raise GrafanaError(f"query {name}: {result['error']}")
            found[name] = [_frame(frame) for frame in result.get("frames", [])]
        return found

    def draw(
        self,
        uid: str,
        panel: int,
        start_ms: int,
        end_ms: int,
        variables: Mapping[str, str],
        size: tuple[int, int],
    ) -> bytes:
        """A panel as PNG of `size` (width, height)."""
        words = {
            "orgId": 1,
            "panelId": panel,
            "from": start_ms,
            "to": end_ms,
            "width": size[0],
            "height": size[1],
        }
        query = urllib.parse.urlencode(
            {**words, **{f"var-{name}": value for name, value in variables.items()}}
        )
        image = self._call("GET", f"/render/d-solo/{uid}/_?{query}")
        if image is None or not image.startswith(PNG):
            raise GrafanaError(f"{uid} panel {panel}: no PNG came")
        return image

    def _json(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        answer = self._call(method, path, body)
        try:
            found = json.loads(answer or b"")
        except ValueError:
            raise GrafanaError(f"{method} {path}: the answer is no JSON; is that a Grafana?") from None
        if not isinstance(found, dict):
            raise GrafanaError(f"{method} {path}: the answer is no object; is that a Grafana?")
        return found

    def _call(self, method: str, path: str, body: object = None, *, missing: bool = False) -> bytes | None:
        """The answer's body; None for 404 with `missing`."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, method=method)
        request.add_header("Content-Type", "application/json")
        if ":" in self._secret:
            request.add_header("Authorization", "Basic " + base64.b64encode(self._secret.encode()).decode())
        elif self._secret:
            request.add_header("Authorization", f"Bearer {self._secret}")
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
                return bytes(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                text = error.read(4096).decode(errors="replace")
            if error.code == 404 and missing:
                return None
            raise GrafanaError(f"{method} {path}: {error.code} {text or error.reason}") from None
        except (OSError, ValueError) as error:
            raise GrafanaError(f"{self.url} does not answer: {error}") from None


def _frame(frame: Mapping[str, Any]) -> Frame:
    fields = frame["schema"].get("fields", [])
    labels: dict[str, str] = {}
    for field in fields:
        labels |= field.get("labels") or {}
    names = [str((field.get("config") or {}).get("displayNameFromDS") or field["name"]) for field in fields]
    return Frame(labels, names, (frame.get("data") or {}).get("values", []))
