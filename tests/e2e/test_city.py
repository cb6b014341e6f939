"""The whole city, as a newcomer runs it: real processes, real bytes, a real broker and store; the account must balance."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest

from halong.installation import free_port

PROTOCOLS = {"pms5003", "mhz19", "ops243", "modbus-rtu", "mqtt-json", "mqtt-senml"}
pytestmark = pytest.mark.timeout(240)


@contextmanager
def city(data: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A running `halong up` and the address of its API; its output goes to a file beside `data`."""
    port = free_port()
    output = data.with_suffix(".log")
    with output.open("w", encoding="utf-8") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "halong", "up", "--data", str(data), "--port", str(port), *options],
            stdout=log,
            stderr=log,
            text=True,
        )
    try:
        yield process, f"http://127.0.0.1:{port}"
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=5) as answer:
        return json.load(answer)


def wait_for(process: subprocess.Popen[str], log: Path, url: str, sensors: int) -> None:
    """Return when so many sensors are listed, of all six protocols."""
    for _ in range(240):
        assert process.poll() is None, log.read_text(encoding="utf-8")
        try:
            listed = get(f"{url}/v1/sensors")["items"]
        except (urllib.error.URLError, OSError):
            time.sleep(0.25)
            continue
        if len(listed) >= sensors and {sensor["protocol"] for sensor in listed} >= PROTOCOLS:
            return
        time.sleep(0.25)
    raise AssertionError(f"not all sensors are listed: {log.read_text(encoding='utf-8')}")


def finish(process: subprocess.Popen[str], data: Path, report: Path) -> dict[str, Any]:
    code = process.wait(timeout=200)
    output = data.with_suffix(".log").read_text(encoding="utf-8")
    assert report.exists(), output
    account: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
    assert code == 0, f"{output}\n{json.dumps(account, indent=1)}"
    assert "Traceback" not in output
    return account


def assert_balanced(account: dict[str, Any], sensors: int = 55) -> None:
    assert (account["lost"], account["duplicates"], account["unexplained"], account["altered"]) == (
        0,
        0,
        0,
        0,
    ), account
    assert account["foreign"] == 0, account
    assert account["stored"] == account["accepted"] > 500
    assert account["sensors"] >= sensors
    assert account["latency_ms"]["p50"] is not None


def processes_of(data: Path) -> list[str]:
    """Command lines of living processes that name the data directory."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if str(data) in command:
                found.append(command)
    return found


def test_the_city_on_the_embedded_store(tmp_path: Path) -> None:
    data, report = tmp_path / "city", tmp_path / "run.json"
    with city(data, "--for", "16s", "--report", str(report), "--seed", "7") as (process, url):
        wait_for(process, data.with_suffix(".log"), url, 60)
        account = finish(process, data, report)
    assert_balanced(account)
    assert account["gateways"] == 12
    assert set(account["protocols"]) == PROTOCOLS
    assert not processes_of(data)


def test_the_city_on_mosquitto_and_influxdb(
    tmp_path: Path, mosquitto_url: str, influxd_url: str, influx_database: str
) -> None:
    data, report = tmp_path / "city", tmp_path / "run.json"
    store = [
        "--store",
        "influx",
        "--influx-url",
        f"{influxd_url}/{influx_database}",
        "--broker",
        mosquitto_url,
    ]
    with city(data, "--for", "16s", "--report", str(report), *store) as (process, url):
        wait_for(process, data.with_suffix(".log"), url, 60)
        account = finish(process, data, report)
    assert_balanced(account)


@pytest.mark.chaos
def test_killing_hub_broker_and_an_agent_loses_nothing(tmp_path: Path) -> None:
    data, report = tmp_path / "city", tmp_path / "run.json"
    rng = Random(os.urandom(8))
    moments = [rng.uniform(5, 20) for _ in range(3)]
    kills = [f"{name}@{at:.2f}" for name, at in zip(("hub", "broker", "gw-bai-chay"), moments, strict=True)]
    options = [word for kill in kills for word in ("--kill", kill)]
    with city(data, "--for", "26s", "--report", str(report), *options) as (process, _):
        account = finish(process, data, report)
    assert account["restarts"] == {"hub": 1, "broker": 1, "gw-bai-chay": 1}, kills
    assert_balanced(account)


def test_ctrl_c_stops_in_order_and_leaves_nothing_behind(tmp_path: Path, mosquitto_url: str) -> None:
    data, report = tmp_path / "city", tmp_path / "run.json"
    options = ["--gateways", "6", "--broker", mosquitto_url, "--report", str(report)]
    with city(data, *options) as (process, url):
        wait_for(process, data.with_suffix(".log"), url, 30)
        time.sleep(4)  # some readings must be there to be accounted for
        process.send_signal(signal.SIGINT)
        account = finish(process, data, report)
    assert account["lost"] == account["duplicates"] == account["unexplained"] == 0, account
    assert account["stored"] > 0
    assert not processes_of(data)
    assert "Account" in data.with_suffix(".log").read_text(encoding="utf-8")


def test_who_stops_it_before_the_devices_speak_gets_an_account_of_nothing(tmp_path: Path) -> None:
    data, report = tmp_path / "city", tmp_path / "run.json"
    with city(data, "--gateways", "1", "--report", str(report)) as (process, _):
        log = data.with_suffix(".log")
        for _ in range(600):
            if "starting broker and hub" in log.read_text(encoding="utf-8"):
                break
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 1
    account = json.loads(report.read_text(encoding="utf-8"))
    assert (account["lost"], account["balanced"]) == (0, False), "nothing stored is no success"
    assert "Traceback" not in log.read_text(encoding="utf-8")


def test_a_report_that_cannot_be_written_is_told_at_once(tmp_path: Path) -> None:
    with city(tmp_path / "city", "--report", str(tmp_path / "gone" / "run.json")) as (process, _):
        assert process.wait(60) == 1
    said = (tmp_path / "city.log").read_text(encoding="utf-8")
    assert (said.count("\n"), "there is no directory" in said) == (1, True)


def test_a_port_in_use_is_one_clear_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "halong", "up", "--data", str(tmp_path / "city"), "--port", str(port)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr.strip().count("\n") == 0
    assert f"{port}" in done.stderr
    assert "--port" in done.stderr
