"""The dashboards as Grafana reads them: ids, places, variables, data sources, and nothing that would be empty."""

import json
import re
from collections import Counter
from itertools import combinations, pairwise
from pathlib import Path

import pytest

from firmware_sim import city
from grafana import files, provision
from grafana.city import CITY_DASHBOARD
from grafana.looks import UNITS
from tests.grafana.conftest import of_readings, shown

DOCUMENT = Path(__file__).parents[2] / "docs/grafana.md"
MACROS = {"timeFilter", "__interval"}
TOLD = {"gateway", "port", "ingest", "sensor", "ledger", "aqi", "limit"}  # by the hub, see docs/metrics.md
NAME = re.compile(r"\$\{?(\w+)")


@pytest.fixture(params=files.DASHBOARDS, ids=lambda dashboard: dashboard.uid)
def dashboard(request):
    return json.loads(request.param.text())


def variables(dashboard):
    return {variable["name"]: variable for variable in dashboard["templating"]["list"]}


def test_ids_and_titles_are_unique(dashboard):
    for key in ("id", "title"):
        assert max(Counter(panel[key] for panel in dashboard["panels"]).values()) == 1
    assert len({one.uid for one in files.DASHBOARDS}) == len(files.DASHBOARDS)
    assert len(dashboard["uid"]) <= 40


def test_panels_stay_on_the_grid_and_do_not_overlap(dashboard):
    places = [panel["gridPos"] for panel in dashboard["panels"]]
    assert all(p["x"] >= 0 and p["x"] + p["w"] <= 24 and p["w"] > 0 and p["h"] > 0 for p in places)
    for a, b in combinations(places, 2):
        beside = a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"]
        assert beside or a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"]


def test_every_query_of_a_panel_is_in_the_data_source_that_is_chosen(dashboard):
    for panel in shown(dashboard):
        (target,) = panel["targets"]
        assert target["query"].startswith("SELECT ")
        assert target["rawQuery"] is True
        for source in (panel["datasource"], target["datasource"]):
            assert source == {"type": "influxdb", "uid": "${ds}"}


def test_every_name_is_a_variable_or_a_macro(dashboard):
    declared = variables(dashboard)
    assert next(iter(declared)) == "ds"
    for panel in shown(dashboard):
        (target,) = panel["targets"]
        query, alias = target["query"], target["alias"]
        assert set(NAME.findall(query)) <= MACROS | declared.keys()
        assert "timeFilter" in NAME.findall(query)
        if of_readings(panel):
            assert {"site", "sensor"} <= set(NAME.findall(query))
        for name in NAME.findall(alias):
            assert name in ("m", "col") or f'"{name.removeprefix("tag_")}"' in query.rpartition("GROUP BY")[2]
        assert "$" not in panel.get("description", "")
        assert panel["title"] == f"${panel['repeat']}" if "repeat" in panel else "$" not in panel["title"]
    known = []
    for name, variable in declared.items():
        assert set(NAME.findall(variable["query"])) <= set(known)  # only of those to its left
        known.append(name)


def test_choices_are_of_any_number_and_all_or_of_one(dashboard):
    for variable in variables(dashboard).values():
        if variable["type"] == "query":
            assert variable["multi"] == variable["includeAll"] == ("allValue" in variable)
            assert variable.get("allValue", ".+") == ".+"
            assert variable["multi"] or (dashboard["uid"], variable["name"]) == ("halong-sensor", "sensor")
            assert variable["definition"] == variable["query"]


def test_every_dashboard_leads_to_the_others_and_to_the_page(dashboard):
    menu, page = dashboard["links"]
    assert (menu["type"], menu["tags"], menu["includeVars"], menu["keepTime"]) == (
        "dashboards",
        dashboard["tags"],
        True,
        True,
    )
    assert (page["type"], page["url"]) == ("link", "http://127.0.0.1:8080/")
    elsewhere = json.loads(files.DASHBOARDS[0].text("https://halong.example"))["links"][1]["url"]
    assert elsewhere == "https://halong.example/"


def test_links_of_panels_lead_to_a_dashboard_and_a_variable_it_has(dashboard):
    known = {one.uid: {variable["name"] for variable in one.variables} for one in files.DASHBOARDS}
    for panel in shown(dashboard):
        for link in panel["fieldConfig"]["defaults"].get("links", []):
            path, _, arguments = link["url"].partition("?")
            assert set(re.findall(r"var-(\w+)=", arguments)) <= known[path.removeprefix("/d/")]
            other = panel["targets"][0]["refId"] != "A"  # another line in the chart of sensors has no links
            if other:
                (mine,) = panel["fieldConfig"]["overrides"]
                assert {"id": "links", "value": []} in mine["properties"]
            for tag in () if other else re.findall(r"__field\.labels\.(\w+)", arguments):
                assert f'"{tag}"' in panel["targets"][0]["query"].rpartition("GROUP BY")[2]


def test_the_data_source_is_the_provisioned_one(dashboard):
    source = variables(dashboard)["ds"]
    assert (source["type"], source["query"]) == ("datasource", "influxdb")
    assert source["current"]["value"] == provision.DATASOURCE_UID


def test_it_opens_with_no_more_than_six_hours_unless_it_asks_for_one_point_an_hour(dashboard):
    hours = int(re.fullmatch(r"now-(\d+)h", dashboard["time"]["from"])[1])
    assert hours <= (24 if dashboard["uid"] == "halong-completeness" else 6)
    assert dashboard["time"]["to"] == "now"


def test_no_panel_shows_what_the_simulated_city_does_not_measure(dashboard):
    measured = {
        q for gateway in city.plan(1).gateways for device in gateway.devices for q in device.quantities
    }
    named = {
        q for panel in shown(dashboard) for q in re.findall(r'FROM "(\w+)"', panel["targets"][0]["query"])
    }
    assert named <= measured | TOLD


def test_units_and_colours_are_such_as_grafana_knows(dashboard):
    known = {*UNITS.values(), "short", "s", "ms", "dateTimeFromNow", "percentunit", "bytes", "suffix:/s"}
    for panel in shown(dashboard):
        defaults = panel["fieldConfig"]["defaults"]
        properties = [p for override in panel["fieldConfig"]["overrides"] for p in override["properties"]]
        units = [p["value"] for p in properties if p["id"] == "unit"]
        assert {*units, *([defaults["unit"]] if "unit" in defaults else [])} <= known
        assert units or "unit" in defaults or panel["type"] == "table"
        base, *steps = defaults.get("thresholds", {}).get("steps", [{"color": "green", "value": None}])
        assert base["value"] is None
        assert all(a["value"] < b["value"] for a, b in pairwise(steps))
        assert all(
            re.fullmatch(r"#[0-9a-f]{6}|green|yellow|red|blue", step["color"]) for step in [base, *steps]
        )


def test_a_table_groups_the_columns_its_query_has(dashboard):
    tables = [panel for panel in shown(dashboard) if panel["type"] == "table"]
    for panel in tables:
        (target,) = panel["targets"]
        ((group,),) = [[one["options"]["fields"]] for one in panel["transformations"]]
        assert target["resultFormat"] == "table"
        tags = {name for name, one in group.items() if one["operation"] == "groupby"}
        assert tags == set(re.findall(r'"(\w+)"', target["query"].rpartition("GROUP BY")[2]))
        for column in group.keys() - tags - {"Time"}:
            assert f'AS "{column}"' in target["query"]
        names = {
            f"{name} ({calculation})" for name, one in group.items() for calculation in one["aggregations"]
        }
        assert {override["matcher"]["options"] for override in panel["fieldConfig"]["overrides"]} == names


def test_the_document_lists_the_panels_of_the_city_over_the_api():
    test_the_document_lists_the_panels(json.loads(CITY_DASHBOARD.text()))


def test_the_document_lists_the_panels(dashboard):
    text = DOCUMENT.read_text(encoding="utf-8")
    rows = {}
    for panel in dashboard["panels"]:
        if panel["type"] == "row":
            titles = rows[panel["title"]] = []
        else:
            titles.append(panel["title"].partition(" ·")[0])
    assert f"`{dashboard['uid']}`" in text
    for row, titles in rows.items():
        assert f"| {row} | {'; '.join(titles)} |" in text
