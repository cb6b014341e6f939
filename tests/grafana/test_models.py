"""The dashboards through the models of Grafana's own SDK: it reads every one, and gives back what it was given."""

import json
import re

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from grafana import files
from grafana.city import CITY_DASHBOARD

# What the models of Grafana 10.1 do not know: an empty id, the text of a variable's query as its list shows it, and what
# an annotation asks a data source of another kind than Grafana's own.
UNKNOWN = {"id", "definition"}
ANNOTATION = re.compile(r"\.annotations\.list\[\d+\]\.target\.")


def lost(given, back, path=""):
    """Where `back` has not what `given` has."""
    if isinstance(given, dict) and isinstance(back, dict):
        for key, value in given.items():
            if key in back:
                yield from lost(value, back[key], f"{path}.{key}")
            elif value is not None and key not in UNKNOWN and not ANNOTATION.match(f"{path}.{key}"):
                yield f"{path}.{key}"
    elif isinstance(given, list) and isinstance(back, list) and len(given) == len(back):
        for number, (one, other) in enumerate(zip(given, back, strict=True)):
            yield from lost(one, other, f"{path}[{number}]")
    elif given != back:
        yield f"{path}: {given!r} became {back!r}"


def round_trip(model):
    return json.loads(JSONEncoder(sort_keys=True).encode(Dashboard.from_json(model)))


@pytest.mark.parametrize(
    "dashboard", [*files.DASHBOARDS, CITY_DASHBOARD], ids=lambda dashboard: dashboard.uid
)
def test_the_sdk_gives_back_what_it_was_given(dashboard):
    model = json.loads(dashboard.text())
    assert list(lost(model, round_trip(model))) == []


def test_what_the_models_do_not_know_is_seen():
    model = json.loads(files.DASHBOARDS[0].text())
    model["panels"][1]["grid_pos"] = model["panels"][1].pop("gridPos")
    assert list(lost(model, round_trip(model))) == [".panels[1].grid_pos"]
