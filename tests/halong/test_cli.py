"""The command line as people and programs meet it: help, verdicts, one clear line for a mistake."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from halong.__main__ import app

ROOT = Path(__file__).parents[2]
PM = "424d001c00000008000800000008000800d20046002d001e00000000970002c5"
PATIENCE_S = 30.0


def halong(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def refused(result: Result, *words: str, code: int = 2) -> None:
    """Exit `code`, nothing on stdout, one line on stderr with these words."""
    assert result.exit_code == code, result.output
    assert result.stdout == ""
    assert result.stderr.startswith("halong: ")
    assert result.stderr.count("\n") == 1, result.stderr
    for word in words:
        assert word in result.stderr


def commands(group: Any = None, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Every command there is, also those of groups."""
    command = group or typer.main.get_command(app)
    inner = getattr(command, "commands", {})
    return [path, *(found for name, one in inner.items() for found in commands(one, (*path, name)))]


class TestHelp:
    """--help is worth reading."""

    @pytest.mark.parametrize("path", commands(), ids=" ".join)
    def test_every_command_has_help_and_exits_0(self, path: tuple[str, ...]) -> None:
        result = halong(*path, "--help")
        assert result.exit_code == 0
        assert "Usage" in result.output
        assert len(result.output.split()) > 20

    def test_every_option_says_what_it_is(self) -> None:
        for path in commands():
            command = typer.main.get_command(app)
            for name in path:
                command = command.commands[name]  # type: ignore[attr-defined]
            for parameter in command.params:
                assert getattr(parameter, "help", ""), (path, parameter.name)

    def test_the_commands_of_the_design_are_there(self) -> None:
        there = {" ".join(path) for path in commands()}
        wanted = [
            "up",
            "hub",
            "ingest",
            "api",
            "edge",
            "check",
            "decode",
            "verify",
            "chaos",
            "resend",
            "doctor",
        ]
        assert {*wanted, "edge run", "sim device", "sim city"} <= there

    def test_an_unknown_command_is_refused(self) -> None:
        result = halong("frobnicate")
        assert result.exit_code == 2
        assert "frobnicate" in result.output


class TestDecode:
    """`halong decode` is read by programs."""

    def test_bytes_in_hexadecimal(self) -> None:
        result = halong("decode", "pms5003", "--hex", PM)
        assert result.exit_code == 0
        answer = json.loads(result.stdout)
        assert answer["verdict"] == "accept"
        assert answer["decoded"]["n03"] == 210
        assert answer["readings"][1] == {"quantity": "pm25", "value": 8.0, "unit": "ug/m3"}
        assert "reason" not in answer

    def test_text(self) -> None:
        answer = json.loads(halong("decode", "ops243", "--text", "-35.61").stdout)
        assert (answer["verdict"], answer["decoded"]["direction"]) == ("accept", "outbound")

    def test_what_else_is_known(self) -> None:
        meta = json.dumps({"request_hex": "010301f8000385c6", "device": "air-station"})
        answer = json.loads(
            halong("decode", "modbus-rtu", "--hex", "01030601c300f6020605e5", "--meta", meta).stdout
        )
        assert {reading["quantity"]: reading["value"] for reading in answer["readings"]} == {
            "humidity": 45.1,
            "temperature": 24.6,
            "noise_level": 51.8,
        }

    def test_a_refused_frame_is_an_answer_and_no_failure(self) -> None:
        result = halong("decode", "pms5003", "--hex", PM[:-2] + "00")
        assert result.exit_code == 0
        answer = json.loads(result.stdout)
        assert (answer["verdict"], answer["decoded"], answer["readings"]) == ("reject", None, [])
        assert answer["reason"]

    def test_text_is_written_as_it_is_and_half_a_character_does_no_harm(self) -> None:
        result = halong("decode", "line-ndjson", "--text", '{"tên":"Bãi Cháy","half":"\\ud800"}')
        assert "Bãi Cháy" in result.stdout
        assert json.loads(result.stdout)["decoded"] == {"tên": "Bãi Cháy", "half": "\ud800"}

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (["pms5030", "--hex", PM], "did you mean 'pms5003'"),
            (["pms5003"], "--hex or with --text"),
            (["pms5003", "--hex", PM, "--text", "x"], "--hex or with --text"),
            (["pms5003", "--hex", "4g"], "hexadecimal"),
            (["pms5003", "--hex", "424"], "hexadecimal"),
            (["pms5003", "--hex", PM, "--meta", "{"], "--meta is not JSON"),
            (["pms5003", "--hex", PM, "--meta", "[]"], "--meta must be a JSON object"),
            (["modbus-rtu", "--hex", PM, "--meta", '{"request_hex":"zz"}'], "request_hex"),
        ],
    )
    def test_a_mistake_is_one_line_and_exit_2(self, arguments: list[str], words: str) -> None:
        refused(halong("decode", *arguments), words)


class TestCheck:
    """`halong check` before anything is opened."""

    def test_the_sample_is_good(self) -> None:
        result = halong("check", ROOT / "edge" / "edge.sample.toml")
        assert result.exit_code == 0, result.output
        assert "gateway gw-bai-chay at bai-chay, 5 sensors: good" in result.stdout

    def test_hub_configurations_too_and_several_at_once(self, tmp_path: Path) -> None:
        for name, text in (
            ("empty", ""),
            ("broker", '[broker]\nurl = "mqtt://b"\n'),
            ("api", "[api]\nport = 9000\n"),
        ):
            (tmp_path / f"{name}.toml").write_text(text, encoding="utf-8")
        result = halong("check", *sorted(tmp_path.iterdir()), ROOT / "edge" / "edge.sample.toml")
        assert result.exit_code == 0, result.output
        assert result.stdout.count("hub: good") == 3
        assert result.stdout.count("good\n") == 4

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("[api]\nprot = 1\n", ["unknown key 'api.prot'", "did you mean 'port'"]),
            ('[site]\nid = "s"\n[[serail]]\npath = "x"\n', ["unknown key 'serail'", "did you mean 'serial'"]),
            ('gatway = "g"\n[site]\nid = "s"\n', ["unknown key 'gatway'", "did you mean 'gateway'"]),
            ('[store]\nurl = "influx:x"\n', ["store.url", "duckdb:FILE"]),
            ("gateway = \n", ["Invalid value"]),
        ],
    )
    def test_a_mistake_is_named_with_its_place(self, tmp_path: Path, text: str, words: list[str]) -> None:
        file = tmp_path / "some.toml"
        file.write_text(text, encoding="utf-8")
        refused(halong("check", file), str(file) if "url" not in text else "", *words)

    def test_a_file_that_is_not_there(self, tmp_path: Path) -> None:
        refused(halong("check", tmp_path / "absent.toml"), "cannot read", "No such file")


class TestServices:
    """Mistakes are told before anything is opened."""

    @pytest.mark.parametrize("part", ["ingest", "api"])
    def test_the_embedded_store_belongs_to_the_hub(self, tmp_path: Path, part: str) -> None:
        file = tmp_path / "hub.toml"
        file.write_text(f'data = "{tmp_path}"\n', encoding="utf-8")
        refused(halong(part, file), "belongs to one process, the hub", f"halong hub {file}")

    @pytest.mark.parametrize("part", ["hub", "edge"])
    def test_a_missing_configuration(self, tmp_path: Path, part: str) -> None:
        refused(halong(part, tmp_path / "absent.toml"), "cannot read")

    def test_edge_run_is_the_long_form(self, tmp_path: Path) -> None:
        refused(halong("edge", "run", tmp_path / "absent.toml"), "cannot read")
        assert "No such command 'runn'" in halong("edge", "runn").output

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            (["--for", "soon"], "--for must look like 30s"),
            (["--for", "-5s"], "--for must look like 30s"),
            (["--for", "nan"], "--for must look like 30s"),
            (["--kill", "hub"], "--kill must look like hub@10"),
            (["--kill", "hub@nan"], "--kill must look like hub@10"),
            (["--store", "sqlite"], "--store must be embedded or influx"),
            (["--embedded-broker", "nats"], "--embedded-broker must be one of mosquitto"),
        ],
    )
    def test_up_with_options_it_cannot_use(self, tmp_path: Path, options: list[str], words: str) -> None:
        refused(halong("up", "--data", tmp_path / "city", *options), words)
        assert not (tmp_path / "city").exists()

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            (["--kill", "hup@5"], "no process 'hup', there are hub, sim, broker, gw-cau-bai-chay"),
            (["--kill", "gw-tuan-chau@5", "--gateways", "2"], "no process 'gw-tuan-chau'"),
            (["--kill", "broker@5", "--broker", "mqtt://127.0.0.1:1"], "no process 'broker'"),
            (["--fault", "spike"], "must look like spike@10"),
            (["--fault", "bai-chai-pm-1:spike@1"], "did you mean 'bai-chay-pm-1'"),
        ],
    )
    def test_up_with_names_of_what_is_not_there(self, tmp_path: Path, options: list[str], words: str) -> None:
        refused(halong("up", "--data", tmp_path / "city", *options), words, code=1)
        assert not (tmp_path / "city").exists()

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            (["pms5030"], "no simulated device speaks 'pms5030'"),
            (["pms5003", "--fault", "spike@soon"], "must look like spike@10"),
            (["pms5003", "--fault", "other:spike@1"], "no sensor 'other'"),
        ],
    )
    def test_sim_device(self, tmp_path: Path, options: list[str], words: str) -> None:
        refused(halong("sim", "device", *options, "--pty", tmp_path / "port"), words)

    def test_sim_device_does_not_take_a_files_place(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        refused(halong("sim", "device", "pms5003", "--pty", tmp_path / "file"), "a file already")

    def test_sim_city(self, tmp_path: Path) -> None:
        options = ["--directory", tmp_path, "--record", tmp_path / "truth.jsonl", "--broker"]
        refused(halong("sim", "city", *options, "broker"), "must look like mqtt://host:1883")
        refused(
            halong("sim", "city", *options, "mqtt://b", "--gateways", 1, "--fault", "x:spike@1"),
            "no sensor 'x'",
        )

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            (["gw", "yesterday", "2026-11-24T00:00:00Z"], "'yesterday' is no time"),
            (["gw", "2026-11-24", "2026-11-23T17:00:00Z"], "--from must be before --to"),
            (["gw", "2026-11-24T00:00:00Z", "2026-11-24T00:00:00Z"], "--from must be before --to"),
            (["GW", "2026-11-23T00:00:00Z", "2026-11-24T00:00:00Z"], "id 'GW'"),
        ],
    )
    def test_resend(self, options: list[str], words: str) -> None:
        gateway, start, end = options
        refused(halong("resend", "--gateway", gateway, "--from", start, "--to", end), words)

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            (["--store", "duckdb:{tmp}/absent.duckdb"], "there is no store at"),
            (["--store", "somewhere"], "a store must look like"),
            (["--store", "duckdb:{tmp}/damaged.duckdb"], "cannot open the store"),
            (
                ["--store", "duckdb:{tmp}/damaged.duckdb", "--journal", "{tmp}/absent.db"],
                "cannot be read as a journal",
            ),
        ],
    )
    def test_verify(self, tmp_path: Path, options: list[str], words: str) -> None:
        record = tmp_path / "truth.jsonl"
        record.write_text(
            '{"type":"reading","sensor":"s","quantity":"pm25","value":1.0,"at":1700000000000}\n',
            encoding="utf-8",
        )
        (tmp_path / "damaged.duckdb").write_bytes(b"no database" * 1000)
        given = [option.replace("{tmp}", str(tmp_path)) for option in options]
        refused(halong("verify", "--record", record, *given), words)
        assert not (tmp_path / "absent.duckdb").exists()

    def test_verify_without_a_record(self, tmp_path: Path) -> None:
        refused(halong("verify", "--record", tmp_path / "absent", "--store", "duckdb:x"), "x")


def test_doctor_prints_one_line_for_each_thing() -> None:
    result = halong("doctor")
    lines = result.stdout.splitlines()
    assert {line.split()[0] for line in lines} <= {"ok", "fault", "→"}
    assert any("python" in line for line in lines)
    assert result.exit_code == ("fault" in {line.split()[0] for line in lines})


@pytest.mark.parametrize("option", ["--mosquitto", "--user", "--reference"])
def test_doctor_refuses_to_leave_something_unlooked_at(option: str) -> None:
    refused(halong("doctor", option, "/nowhere"), "give the configurations too")


def until(condition: Callable[[], bool], process: "subprocess.Popen[str]") -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_sim_device_as_a_process_links_records_and_leaves_cleanly(tmp_path: Path) -> None:
    """As somebody tries it by hand, from another directory."""
    link, record = tmp_path / "pm", tmp_path / "pm.jsonl"
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "halong",
            "sim",
            "device",
            "pms5003",
            "--pty",
            str(link),
            "--record",
            str(record),
            "--sensor",
            "pm-7",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    try:
        until(link.is_symlink, process)
        until(lambda: record.exists() and '"device"' in record.read_text(encoding="utf-8"), process)
        host = os.open(link, os.O_RDONLY | os.O_NOCTTY)
        assert os.read(host, 4096).startswith(b"BM\0\x1c")
        os.close(host)
        process.send_signal(signal.SIGTERM)
        stdout, stderr = process.communicate(timeout=PATIENCE_S)
    finally:
        process.kill()
    assert (process.returncode, stdout, stderr) == (0, "", "")
    assert not link.is_symlink()
    assert json.loads(record.read_text(encoding="utf-8").splitlines()[0])["sensor"] == "pm-7"
