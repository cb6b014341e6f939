"""A dozen faults on each store, by the command that `make chaos` gives a thousand. Every run has a fresh seed."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.chaos, pytest.mark.timeout(420)]


def chaos(directory: Path, *options: str) -> tuple[subprocess.CompletedProcess[str], dict[str, Any]]:
    report = directory / "report.json"
    command = [sys.executable, "-m", "halong", "chaos", "--data", str(directory / "city")]
    done = subprocess.run(
        [*command, "--report", str(report), *options],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=400,
        check=False,
    )
    assert report.exists(), done.stdout + done.stderr
    return done, json.loads(report.read_text(encoding="utf-8"))


@pytest.mark.parametrize(("store", "broker"), [("embedded", "mosquitto"), ("influx", "mosquitto")])
def test_a_dozen_faults_lose_double_and_hide_nothing(tmp_path: Path, store: str, broker: str) -> None:
    done, report = chaos(tmp_path, "--faults", "12", "--store", store, "--broker", broker)
    assert done.returncode == 0, f"{done.stdout}\n{json.dumps(report, indent=1, ensure_ascii=False)}"
    assert report["passed"]
    assert (report["store"], report["broker"]) == (store, broker)
    assert report["faults"] == sum(report["faults_by_kind"].values())
    assert report["faults"] + sum(report["not_played"].values()) == 12
    assert (report["lost"], report["duplicates"], report["unexplained"], report["altered"]) == (0, 0, 0, 0)
    assert (report["foreign"], report["crashes"], report["stuck"], report["tracebacks"]) == (0, [], [], {})
    assert report["stored"] == report["accepted"] > 0
    assert (
        sum(report["missed_by_cause"].values()) == report["missed"] == report["emitted"] - report["accepted"]
    )
    assert set(report["memory_mb"]) >= {"hub", "broker", "sim"}
    assert len((tmp_path / "city" / "faults.jsonl").read_text(encoding="utf-8").splitlines()) == 12


def test_what_cannot_be_started_is_one_clear_line(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "halong", "chaos", "--store", "paper", "--data", str(tmp_path / "city")],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == "halong: --store must be embedded or influx, not 'paper'\n"
