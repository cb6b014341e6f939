"""The alert rules: the shape of the files, that they name what exists, and what each says about the city in a real InfluxDB."""

import json
import re
from pathlib import Path

import jsonschema
import pytest
import yaml

from grafana import alerts, files, provision
from telemetry.aggregates import aggregate
from telemetry.quantities import Aggregate
from tests.grafana.conftest import FLAGGED, SILENT

DOCUMENT = Path(__file__).parents[2] / "docs/grafana.md"
DURATION = {"type": "string", "pattern": r"^\d+[smh]$"}
TEXT = {"type": "string", "minLength": 1}
DATUM = {
    "type": "object",
    "required": ["refId", "datasourceUid", "relativeTimeRange", "model"],
    "additionalProperties": False,
    "properties": {
        "refId": {"enum": ["A", "B", "L", "M", "D", "C"]},
        "datasourceUid": {"enum": [provision.DATASOURCE_UID, "__expr__"]},
        "relativeTimeRange": {
            "type": "object",
            "required": ["from", "to"],
            "properties": {"from": {"type": "integer", "minimum": 60}, "to": {"const": 0}},
        },
        "model": {"type": "object", "required": ["refId"]},
    },
}
RULE = {
    "type": "object",
    "required": [
        "uid",
        "title",
        "condition",
        "for",
        "noDataState",
        "execErrState",
        "labels",
        "annotations",
        "data",
    ],
    "additionalProperties": False,
    "properties": {
        "uid": {"type": "string", "pattern": "^[a-zA-Z0-9_-]{1,40}$"},
        "title": {"type": "string", "minLength": 1, "maxLength": 190},
        "condition": {"const": "C"},
        "for": DURATION,
        "noDataState": {"enum": ["NoData", "OK", "Alerting", "KeepLast"]},
        "execErrState": {"enum": ["Error", "OK", "Alerting", "KeepLast"]},
        "labels": {"type": "object", "additionalProperties": TEXT},
        "annotations": {"type": "object", "required": ["summary"], "additionalProperties": TEXT},
        "data": {"type": "array", "minItems": 3, "maxItems": 6, "items": DATUM},
    },
}
RECEIVER = {
    "type": "object",
    "required": ["uid", "type", "settings"],
    "properties": {"uid": TEXT, "type": {"enum": ["webhook", "email"]}, "settings": {"type": "object"}},
}
ROUTE = {
    "type": "object",
    "required": ["receiver"],
    "properties": {
        "receiver": {"const": alerts.RECEIVER},
        "group_by": {"type": "array", "items": TEXT},
        "group_wait": DURATION,
        "group_interval": DURATION,
        "repeat_interval": DURATION,
        "object_matchers": {"type": "array", "items": {"type": "array", "minItems": 3, "maxItems": 3}},
    },
}
ENTRY = {
    "groups": {
        "type": "object",
        "required": ["orgId", "name", "folder", "interval", "rules"],
        "properties": {"interval": DURATION, "rules": {"type": "array", "minItems": 1, "items": RULE}},
    },
    "contactPoints": {
        "type": "object",
        "required": ["orgId", "name", "receivers"],
        "properties": {"name": {"const": alerts.RECEIVER}, "receivers": {"type": "array", "items": RECEIVER}},
    },
    "policies": ROUTE,
}


@pytest.mark.parametrize("name", alerts.FILES)
def test_a_file_has_the_shape_that_grafana_reads(name):
    whole = yaml.safe_load(alerts.FILES[name])
    (key,) = whole.keys() - {"apiVersion"}
    schema = {
        "type": "object",
        "required": ["apiVersion", key],
        "properties": {
            "apiVersion": {"const": 1},
            key: {"type": "array", "minItems": 1, "items": ENTRY[key]},
        },
    }
    jsonschema.validate(whole, schema)


def test_names_are_unique_and_lead_somewhere():
    rules = alerts.RULES
    assert len({rule.uid for rule in rules}) == len({rule.title for rule in rules}) == len(rules)
    assert {rule.dashboard for rule in rules} <= {dashboard.uid for dashboard in files.DASHBOARDS}
    assert provision.DATASOURCE_UID in provision.DATASOURCE


def test_only_what_is_meant_is_taken_from_the_environment():
    for name, text in alerts.FILES.items():
        for variable in set(re.findall(r"\$(\w+)", text)):
            if name.startswith("provisioning"):
                assert variable in ("timeFilter", "B", "M")  # inside a model, which Grafana takes as it is
            else:
                assert f"`{variable}`" in DOCUMENT.read_text(encoding="utf-8")


def last(table):
    """What `reduce` with `last` and dropNN gives."""
    return [row[1] for row in table.values if isinstance(row[1], float | int)][-1]


def fired(written, rule):
    """The labels of the series for which B and C say yes; each series must be told from the others by its labels."""
    (data,) = [
        json.loads(json.dumps(one["data"])) for one in alerts.groups()[0]["rules"] if one["uid"] == rule.uid
    ]
    models = {one["refId"]: one["model"] for one in data}
    compared = models["C"]
    start_ms = written.end_ms - 1000 * data[0]["relativeTimeRange"]["from"]

    def ask(name):
        bounds = f"time >= {start_ms}ms and time <= {written.end_ms}ms"
        return written.ask(models[name]["query"].replace("$timeFilter", bounds))

    tables = ask("A")
    limits = {table.tags["site"]: last(table) for table in ask("L")} if "L" in models else {}
    labels = [tuple(sorted(table.tags.items())) for table in tables]
    assert len(labels) == len(set(labels)) > 0
    evaluator = compared["conditions"][0]["evaluator"]
    found = set()
    for table in tables:
        assert len(table.columns) == 2
        value = last(table) - (limits[table.tags["site"]] if limits else 0)
        above = (
            value > evaluator["params"][0] if evaluator["type"] == "gt" else value < evaluator["params"][0]
        )
        if above:
            found.add(table.tags.get("sensor") or table.tags.get("gateway") or "hub")
    return found


@pytest.mark.influxd
@pytest.mark.parametrize("rule", alerts.RULES, ids=lambda rule: rule.uid)
def test_a_rule_fires_for_whom_it_should(written, rule):
    found = fired(written, rule)
    if rule.uid == "halong-pm25-day":  # all sensors have a mean of about 50
        assert FLAGGED in found
    elif rule.uid == "halong-noise":  # the last window is as short as it happens to be
        levels = {}
        limit = 70 if 6 <= (written.end_ms // 3_600_000 + 7) % 24 < 21 else 55
        for row in written.where("noise_level"):
            if row.reading.observed_at >= written.end_ms - written.end_ms % 600_000:
                levels.setdefault(row.reading.sensor, []).append(row.reading.value)
        loud = {s for s, some in levels.items() if aggregate(Aggregate.ENERGY_MEAN, some) > limit}
        assert found & levels.keys() == loud
    else:
        assert found == ({SILENT} if rule.uid == "halong-sensor-silent" else set())


@pytest.mark.parametrize("rule", alerts.RULES, ids=lambda rule: rule.uid)
def test_an_alert_query_has_no_variables_and_is_bounded(rule):
    for query in filter(None, (rule.query, rule.against)):
        assert set(re.findall(r"\$(\w+)", query)) == {"timeFilter"}
        assert query.count("SELECT") == query.count("$timeFilter")
        assert not re.search(r"SLIMIT|SOFFSET|INTO|SHOW|;", query)
