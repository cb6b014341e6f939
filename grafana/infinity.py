"""Queries of the hub's own API by Grafana's Infinity data source (`yesoreyeram-infinity-datasource`), its backend parser. Pure.

https://grafana.com/docs/plugins/yesoreyeram-infinity-datasource/latest/ : `root_selector` is the list in the answer, each column
takes one member of its objects; relative addresses begin at the data source's.
"""

from collections.abc import Sequence
from typing import NamedTuple

from grafana.model import Json

PLUGIN = "yesoreyeram-infinity-datasource"
UID, NAME = "halong-api", "Hạ Long API"
SOURCE: Json = {"type": PLUGIN, "uid": UID}
ITEMS = "items"
_TYPES = {"text": "string", "number": "number", "time": "timestamp"}


class Column(NamedTuple):
    """A member of each item (`site.name` is one deeper), what it is called, and text, number or time."""

    selector: str
    title: str
    kind: str = "text"


def target(
    path: str, columns: Sequence[Column], *, words: Sequence[tuple[str, str]] = (), series: bool = False
) -> dict[str, object]:
    """What a panel asks: `path` with the parameters `words`; `series` makes lines of it, one for each value of its text."""
    return {
        "columns": [
            {"selector": one.selector, "text": one.title, "type": _TYPES[one.kind]} for one in columns
        ],
        "datasource": SOURCE,
        "filters": [],
        "format": "timeseries" if series else "table",
        "parser": "backend",
        "refId": "A",
        "root_selector": ITEMS,
        "source": "url",
        "type": "json",
        "url": path,
        "url_options": {
            "data": "",
            "method": "GET",
            "params": [{"key": key, "value": value} for key, value in words],
        },
    }


def choice(name: str, label: str, path: str, columns: Sequence[Column]) -> Json:
    """A variable with one of the items of `path`; columns are `__text`, which is shown, and `__value`."""
    asked = target(path, columns) | {"refId": "variable"}
    return {
        "current": {},
        "datasource": SOURCE,
        "definition": path,
        "hide": 0,
        "includeAll": False,
        "label": label,
        "multi": False,
        "name": name,
        "options": [],
        "query": {"infinityQuery": asked, "query": "", "queryType": "infinity"},
        "refresh": 1,
        "regex": "",
        "sort": 1,
        "type": "query",
    }


def source(url: str, key: str) -> dict[str, object]:
    """The data source: the hub at `url`, with an API key that may read."""
    return {
        "name": NAME,
        "uid": UID,
        "type": PLUGIN,
        "access": "proxy",
        "url": url,
        "jsonData": {"auth_method": "bearerToken", "allowedHosts": [url], "timeoutInSeconds": 30},
        "secureJsonData": {"bearerToken": key},
        "editable": False,
    }
