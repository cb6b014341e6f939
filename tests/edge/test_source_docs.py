"""docs/sources.md: its examples are configurations that pass, and it leaves no format out."""

import re
from pathlib import Path

import pytest

from edge.config import check
from edge.formats import FORMATS
from edge.publishers import PayloadFormat
from edge.settings import EdgeConfig
from runtime.config import parse

TEXT = (Path(__file__).parents[2] / "docs" / "sources.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```toml\n(.*?)```", TEXT, flags=re.DOTALL)
GATEWAY = 'gateway = "gw-1"\n[site]\nid = "s"\nname = "S"\nlatitude = 20.9\nlongitude = 107.0\n'


@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
def test_an_example_is_a_good_configuration(example: str) -> None:
    config = parse(GATEWAY + example, EdgeConfig, "docs/sources.md")
    check(config)
    assert config.sensor_count == example.count("\nsensor = ")


def test_every_format_has_its_row_and_an_example() -> None:
    assert len(EXAMPLES) == 5
    rows = {
        name
        for row in re.findall(r"^\| (`[^|]+`) \|", TEXT, flags=re.MULTILINE)
        for name in re.findall(r"`([^`]+)`", row)
    }
    assert rows >= {*PayloadFormat, *FORMATS}
    shown = "".join(EXAMPLES)
    assert all(f'format = "{name}"' in shown for name in FORMATS if name != "sensor-community")
