"""`halong edge status`: the table, the JSON, and whether all is well."""

import json
import time
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from edge import statusfile
from edge.settings import EdgeConfig
from edge.status import JournalStatus, Status, config_hash
from halong.__main__ import app
from runtime.config import load
from telemetry.messages import ClockState, DeviceCounters, PortCounters, SensorCounters

CONFIG = """
gateway = "gw-1"
site = { id = "s", name = "S", latitude = 20.9, longitude = 107.0 }
[[serial]]
path = "/dev/pm"
protocol = "pms5003"
sensor = "pm-1"
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "edge.toml"
    path.write_text(CONFIG)
    return path


def well(config: Path) -> Status:
    now_ms = time.time_ns() // 1_000_000
    settings = load(config, EdgeConfig).located_in(config.parent)
    return Status(
        gateway="gw-1",
        site="s",
        version="1.2",
        config=config_hash(settings),
        pid=7,
        started_ms=now_ms - 7_200_000,
        time_ms=now_ms,
        every_s=10,
        clock=ClockState("system"),
        broker_connected=True,
        last_ack_ms=now_ms - 2000,
        accepted=100,
        duplicates=2,
        nudged=1,
        packs_set_aside=0,
        journal=JournalStatus(5, now_ms - 4000, 4_200_000, 0),
        ports=(PortCounters("/dev/pm", True, 10, 2, 20, 5, 1, "", (DeviceCounters("pm-1", 9, 4, 0, 2),)),),
        sensors=(SensorCounters("pm-1", "ok", 60, 50, 2, 1, 3, now_ms - 900),),
    )


def ask(config: Path, *options: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["edge", "status", "--config", str(config), *options])
    return result.exit_code, result.output


def test_all_is_well(config: Path) -> None:
    statusfile.write(config.with_name("status.json"), well(config))
    code, text = ask(config)
    assert code == 0, text
    for word in (
        "gw-1",
        "running 2 h",
        "accepted 100 readings",
        "5 packs wait",
        "4.2 MB",
        "/dev/pm",
        "4 of 9",
    ):
        assert word in text
    code, text = ask(config, "--json")
    content = json.loads(text)
    assert (code, content["complaints"], content["sensors"][0]["expected"]) == (0, [], 60)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"time_ms": 0}, "the agent does not run"),
        ({"config": "ffff"}, "runs with another configuration"),
        ({"config_problem": "edge.toml: unknown key 'x'"}, "refused: edge.toml: unknown key 'x'"),
        ({"clock": ClockState("", undated=7)}, "no clock is trusted yet: 7 readings wait"),
        ({"broker_connected": False}, "the broker is away"),
        ({"journal": JournalStatus(trouble="disk is full")}, "disk is full"),
        ({"ports": (PortCounters("/dev/pm", False, 0, 0, 0, problem="gone"),)}, "/dev/pm is away: gone"),
        ({"sensors": (SensorCounters("pm-1", "silent"),)}, "sensor pm-1 is silent"),
        (
            {"ports": (PortCounters("/dev/x", True, 0, 0, 0, devices=(DeviceCounters("u", 9, 3, 3),)),)},
            "u on /dev/x left 3 questions",
        ),
    ],
)
def test_what_is_wrong_is_one_line_and_exit_1(config: Path, change: dict[str, object], words: str) -> None:
    statusfile.write(config.with_name("status.json"), msgspec.structs.replace(well(config), **change))
    code, text = ask(config)
    assert code == 1
    assert words in text
    code, text = ask(config, "--json")
    assert code == 1
    assert [words in line for line in json.loads(text)["complaints"]] == [True]


def test_without_a_status_it_says_so(config: Path) -> None:
    code, text = ask(config)
    assert code == 1
    assert "the agent has never run with this configuration" in text
    config.with_name("status.json").write_bytes(b'{"gateway":')
    assert "no status of this version" in ask(config)[1]
