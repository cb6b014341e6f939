"""A dashboard as values, and Grafana's classic JSON model of it. Pure.

https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

COLUMNS = 24
SCHEMA_VERSION = 39  # Grafana 10.4 and later; newer ones migrate it as they load it
DATASOURCE = {"type": "influxdb", "uid": "${ds}"}
PAGE = "http://127.0.0.1:8080"
TAG = "halong"  # of every dashboard; by it they find each other
Json = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Panel:
    """One query shown by one of Grafana's panel plugins. `width` is in columns of 24, `height` in units of 30 px.

    `interval` is the shortest window ("1m"), `points` about how many windows the time range is cut into. `since` is a time
    range of its own, as far back from the end of the dashboard's ("24h"); `repeat` names the variable for each of whose
    values the panel stands once. `also` are further (query, alias) in the same chart.
    What asks another data source than InfluxDB has its `source`, and in `asked` the target as that wants it.
    """

    title: str
    plugin: str
    query: str
    width: int
    height: int
    alias: str = ""
    table: bool = False
    description: str = ""
    interval: str = ""
    points: int | None = None
    since: str = ""
    repeat: str = ""
    defaults: Json = field(default_factory=dict)
    overrides: Sequence[Json] = ()
    options: Json = field(default_factory=dict)
    transformations: Sequence[Json] = ()
    also: Sequence[tuple[str, str]] = ()
    source: Json = field(default_factory=lambda: DATASOURCE)
    asked: Json = field(default_factory=dict)

    def json(self) -> dict[str, object]:
        """All but the id and the place."""
        targets = [
            {
                "alias": alias,
                "datasource": DATASOURCE,
                "query": query,
                "rawQuery": True,
                "refId": "ABCDEF"[number],
                "resultFormat": "table" if self.table else "time_series",
            }
            for number, (query, alias) in enumerate([(self.query, self.alias), *self.also])
        ]
        optional = {
            "description": self.description,
            "interval": self.interval,
            "maxDataPoints": self.points,
            "repeat": self.repeat,
            "timeFrom": self.since,
            "transformations": list(self.transformations),
        }
        return {
            "datasource": self.source,
            "fieldConfig": {"defaults": self.defaults, "overrides": list(self.overrides)},
            "options": self.options,
            "targets": [self.asked] if self.asked else targets,
            "title": self.title,
            "type": self.plugin,
        } | {name: value for name, value in optional.items() if value}


class Row(NamedTuple):
    """Panels under a heading, from left to right, in as many lines as they need."""

    title: str
    panels: Sequence[Panel]


@dataclass(frozen=True, slots=True)
class Dashboard:
    """`uid` is the name of its file and part of its address. `since` is the range it opens with: "now-6h"."""

    uid: str
    title: str
    description: str
    tags: Sequence[str]
    since: str
    refresh: str
    variables: Sequence[Json]
    rows: Sequence[Row]
    annotations: Sequence[Json] = ()

    def text(self, page: str = PAGE) -> str:
        """The content of its file, the same for the same dashboard to the byte; `page` is the address of the hub's own page."""
        model = {
            "annotations": {"list": list(self.annotations)},
            "description": self.description,
            "editable": True,
            "graphTooltip": 1,  # one cross-hair over all panels
            "id": None,
            "links": [
                _other_dashboards(),
                _link("Page of the hub · Trang của trung tâm", f"{page.rstrip('/')}/"),
            ],
            "panels": _placed(self.rows),
            "refresh": self.refresh,
            "schemaVersion": SCHEMA_VERSION,
            "tags": list(self.tags),
            "templating": {"list": list(self.variables)},
            "time": {"from": self.since, "to": "now"},
            "timezone": "browser",
            "title": self.title,
            "uid": self.uid,
            "version": 1,
        }
        return json.dumps(model, ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def _placed(rows: Sequence[Row]) -> list[Json]:
    """The headings and panels with ids from 1 and their places, top to bottom."""
    placed: list[Json] = []
    y = 0
    for row in rows:
        heading = {"collapsed": False, "panels": [], "title": row.title, "type": "row"}
        placed.append(heading | {"id": len(placed) + 1, "gridPos": _place(0, y, COLUMNS, 1)})
        y += 1
        x = tallest = 0
        for panel in row.panels:
            if x + panel.width > COLUMNS:
                y += tallest
                x = tallest = 0
            place = _place(x, y, panel.width, panel.height)
            placed.append(panel.json() | {"id": len(placed) + 1, "gridPos": place})
            x += panel.width
            tallest = max(tallest, panel.height)
        y += tallest
    return placed


def _place(x: int, y: int, width: int, height: int) -> Json:
    return {"x": x, "y": y, "w": width, "h": height}


def _other_dashboards() -> Json:
    """A menu of the dashboards with our tag; the choices and the time range go along."""
    return _link("Hạ Long", "") | {
        "asDropdown": True,
        "includeVars": True,
        "keepTime": True,
        "tags": [TAG],
        "targetBlank": False,
        "type": "dashboards",
    }


def _link(title: str, url: str) -> dict[str, object]:
    return {
        "asDropdown": False,
        "icon": "external link",
        "includeVars": False,
        "keepTime": False,
        "tags": [],
        "targetBlank": True,
        "title": title,
        "tooltip": "",
        "type": "link",
        "url": url,
    }


def choice(name: str, label: str, query: str) -> Json:
    """A variable with the values of `query`: any number of them, or all."""
    return _one_of(name, label, query) | {
        "allValue": ".+",
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
        "includeAll": True,
        "multi": True,
    }


def single_choice(name: str, label: str, query: str) -> Json:
    """A variable with one of the values of `query`: the first at the beginning."""
    return _one_of(name, label, query)


def _one_of(name: str, label: str, query: str) -> dict[str, object]:
    return {
        "current": {},
        "datasource": DATASOURCE,
        "definition": query,
        "hide": 0,
        "includeAll": False,
        "label": label,
        "multi": False,
        "name": name,
        "options": [],
        "query": query,
        "refresh": 1,  # when the dashboard is opened
        "regex": "",
        "sort": 1,
        "type": "query",
    }


def datasource_choice(label: str, title: str, uid: str) -> Json:
    """The variable `ds`: which InfluxDB; the one with this `uid` at first."""
    return {
        "current": {"selected": True, "text": title, "value": uid},
        "hide": 0,
        "includeAll": False,
        "label": label,
        "multi": False,
        "name": "ds",
        "options": [],
        "query": "influxdb",
        "refresh": 1,
        "regex": "",
        "type": "datasource",
    }
