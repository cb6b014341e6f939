"""The dashboard over the hub's API: every query asked of a hub process with the embedded store, and read as Infinity reads it."""

import asyncio
import json
import re
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from time import time_ns
from typing import Any, NamedTuple

import pytest
import yaml

from grafana import files, infinity
from grafana.city import CITY_DASHBOARD
from storage import alarms as page
from storage.book import Book
from storage.keys import Keys, Role, write_key
from storage.open import open_store
from storage.store import Columns
from telemetry.anomaly import AnomalyKind
from telemetry.inventory import Sensor, Site
from telemetry.messages import Birth, State
from telemetry.reading import Reading
from tests.api.conftest import alarm, anomaly
from tests.grafana.conftest import shown
from tests.halong.test_hub_process import answer, config, free_port
from tests.halong.test_hub_process import hub as hub_process

MINUTE_MS, HOURS = 60_000, 3
SITE = Site("hon-gai", "Hòn Gai", 20.95, 107.085, "centre")
MEASURES = {
    "hon-gai-pm-1": ("pm25",),
    "hon-gai-noise-1": ("noise_level",),
    "hon-gai-air-1": ("temperature", "humidity"),
}
SILENT = "hon-gai-co2-1"
MODEL = json.loads(CITY_DASHBOARD.text())


class Hub(NamedTuple):
    """A hub process; its data end at `now_ms`."""

    url: str
    key: str
    now_ms: int


async def fill(data: Path, now_ms: int) -> str:
    """Three hours of a site's readings, an open alarm, and a key that may read; returns the key."""
    data.mkdir()
    columns = Columns()
    for sensor, quantities in {**MEASURES, SILENT: ("co2",)}.items():
        for minute in range(90 if sensor == SILENT else 0, HOURS * 60):
            for quantity in quantities:
                reading = Reading(sensor, quantity, now_ms - minute * MINUTE_MS, 40.0)
                columns.append(SITE.id, reading, 0, None)
    store = open_store(f"duckdb:{data / 'store.duckdb'}")
    await store.open()
    await store.write(columns)
    await store.close()
    sensors = tuple(
        Sensor(name, "x", quantities, 60.0, name.title())
        for name, quantities in {**MEASURES, SILENT: ("co2",)}.items()
    )
    with Book(data / "book.sqlite") as book:
        start_ms = now_ms - HOURS * 60 * MINUTE_MS
        book.register(Birth("gw-hon-gai", SITE, sensors, (1, 1), start_ms), start_ms)
        book.record_state(State("gw-hon-gai", True, (1, 1), now_ms, accepted=9), now_ms)
        silence = anomaly(AnomalyKind.SILENCE, now_ms - 80 * MINUTE_MS, sensor=SILENT)
        book.put_anomaly(silence)
        mine = {
            "site": SITE.id,
            "sensors": (SILENT,),
            "anomalies": (silence.id,),
            "kind": AnomalyKind.SILENCE,
        }
        opened = alarm("a1", **mine, group=f"silence/{SITE.id}", start_ms=silence.start_ms, opened_ms=now_ms)
        with book.writing() as database:
            page.put(database, [opened])
        text = write_key("0" * 12, "k" * 43)
        Keys(book).add(text, "grafana", Role.VIEWER, by="test", now_ms=now_ms)
    return text


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    directory, now_ms, port = tmp_path_factory.mktemp("hub"), time_ns() // 1_000_000, free_port()
    key = asyncio.run(fill(directory / "data", now_ms))
    path = config(directory, port)
    path.write_text(path.read_text(encoding="utf-8") + 'reading = "key"\n', encoding="utf-8")
    with hub_process(path):
        url = f"http://127.0.0.1:{port}"
        answer(f"{url}/readyz")
        yield Hub(url, key, now_ms)


def ask(hub: Hub, target: Mapping[str, Any], site: str = SITE.id) -> list[dict[str, Any]]:
    """Rows by the columns' names. Variables first, then one GET with the key; root selector; each column's member and type."""
    chosen = {"site": site, "__from": str(hub.now_ms - 6 * 60 * MINUTE_MS), "__to": str(hub.now_ms + 1)}

    def expand(text: str) -> str:
        return re.sub(r"\$\{(\w+)\}", lambda found: chosen[found[1]], text)

    options = target["url_options"]
    assert (target["type"], target["source"], target["parser"], options["method"]) == (
        "json",
        "url",
        "backend",
        "GET",
    )
    words = urllib.parse.urlencode([(one["key"], expand(one["value"])) for one in options["params"]])
    request = urllib.request.Request(f"{hub.url}{expand(target['url'])}?{words}")
    request.add_header("Authorization", f"Bearer {hub.key}")
    with urllib.request.urlopen(request, timeout=10) as reply:
        whole = json.load(reply)
    rows = whole[target["root_selector"]]
    assert whole.get("next") is None  # else a page of it would be missing
    return [
        {one["text"]: column(row, one["selector"], one["type"]) for one in target["columns"]} for row in rows
    ]


def column(row: Any, selector: str, kind: str) -> Any:
    """A member, by its path; a time is a time and a number a number, or nothing."""
    for name in selector.split("."):
        row = row[name]
    if row is None:
        return None
    if kind == "timestamp":
        return datetime.fromisoformat(row)
    if kind == "number":
        assert isinstance(row, int | float)
    return row


def of(title: str) -> dict[str, Any]:
    (panel,) = [one for one in shown(MODEL) if one["title"].partition(" ·")[0] == title]
    return dict(panel["targets"][0])


@pytest.mark.parametrize("asking", shown(MODEL), ids=lambda one: one["title"].partition(" ·")[0])
def test_every_panel_has_rows_and_no_empty_column(hub: Hub, asking: Mapping[str, Any]) -> None:
    (target,) = asking["targets"]
    assert target["datasource"] == asking["datasource"] == infinity.SOURCE
    rows = ask(hub, target)
    assert rows
    for name in rows[0]:
        assert any(row[name] not in (None, "") for row in rows), name
    if (
        target["format"] == "timeseries"
    ):  # Infinity wants a time, makes lines by the text, and needs them in order
        assert [one["type"] for one in target["columns"]] == ["timestamp", "string", "number"]
        for sensor in {row["sensor"] for row in rows}:
            times = [row["time"] for row in rows if row["sensor"] == sensor]
            assert times == sorted(times)
            assert len(times) > 30


def test_the_figures_are_the_city_s(hub: Hub) -> None:
    assert [row["VN_AQI"] for row in ask(hub, of("VN_AQI now"))] == [80]
    assert [row["sensor · cảm biến"] for row in ask(hub, of("Sensors silent"))] == [SILENT.title()]
    assert {row["value"] for row in ask(hub, of("PM2.5"))} == {40.0}
    assert [row["gateway · trạm"] for row in ask(hub, of("Gateways"))] == ["gw-hon-gai"]


def test_the_variable_offers_names_and_takes_ids(hub: Hub) -> None:
    (variable,) = MODEL["templating"]["list"]
    asked = variable["query"]
    assert asked["queryType"] == "infinity"
    assert ask(hub, asked["infinityQuery"]) == [{"__text": "Hòn Gai", "__value": "hon-gai"}]


def test_the_data_source_carries_the_key_and_goes_nowhere_else() -> None:
    whole = yaml.safe_load(files.INFINITY)
    (source,) = whole["datasources"]
    assert (source["type"], source["uid"]) == (infinity.PLUGIN, MODEL["panels"][1]["datasource"]["uid"])
    assert source["jsonData"]["allowedHosts"] == [source["url"]] == ["$HALONG_HUB_URL"]
    assert (source["jsonData"]["auth_method"], source["secureJsonData"]) == (
        "bearerToken",
        {"bearerToken": "$HALONG_HUB_KEY"},
    )
