"""`halong edge …` as a technician meets it."""

import csv
import io
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest
from typer.testing import CliRunner, Result

from edge import logbookfile
from edge.journal import Journal
from edge.packing import pack
from halong.__main__ import app
from telemetry.reading import Flag, Reading
from tests.peers import GATEWAY

CONFIG = f"""{GATEWAY}
[[serial]]
path = "/nowhere"
protocol = "pms5003"
sensor = "pm-1"
"""
ROOT = Path(__file__).parents[3]
T = round(datetime(2026, 11, 23, 18, 30, tzinfo=UTC).timestamp() * 1000)


def halong(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["edge", *(str(argument) for argument in arguments)])


def refused(result: Result, *words: str, code: int = 2) -> None:
    assert result.exit_code == code, result.output
    assert result.stderr.splitlines()[-1].startswith("halong: ")
    for word in words:
        assert word in result.stderr


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "edge.toml"
    path.write_text(CONFIG, encoding="utf-8")
    return path


@contextmanager
def journal(config: Path) -> Iterator[Journal]:
    opened = Journal.open(config.with_name("journal.db"), clock=lambda: T, rng=Random(1))
    yield opened
    opened.close()


class TestState:
    """The state of an instrument beside its readings."""

    def test_it_is_written_down_told_and_ended(self, config: Path) -> None:
        told = halong("state", "pm-1", "calibrating", "--for", "30m", "--config", config)
        assert told.exit_code == 0, told.output
        assert "pm-1: calibrating from" in told.stdout
        assert "no agent runs" in told.stdout
        (period,) = logbookfile.read(config.with_name("logbook.json")).periods
        assert period.until_ms is not None
        assert period.until_ms - period.from_ms == 1_800_000
        assert "pm-1: calibrating since" in halong("state", "pm-1", "--config", config).stdout
        assert halong("state", "pm-1", "measuring", "--config", config).exit_code == 0
        assert halong("state", "pm-1", "--config", config).stdout == "pm-1: measuring\n"

    def test_a_calibration_ends_by_itself_and_a_fault_stays(self, config: Path) -> None:
        halong("state", "pm-1", "calibrating", "--config", config)
        told = halong("state", "pm-1", "fault", "--config", config)
        assert "until you say `measuring`" in told.stdout
        first, second = logbookfile.read(config.with_name("logbook.json")).periods
        assert first.until_ms == second.from_ms
        assert second.until_ms is None

    def test_the_running_agent_is_named(self, config: Path) -> None:
        with journal(config):
            assert "the running agent (process" in halong("state", "pm-1", "fault", "--config", config).stdout

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (["pm-2", "fault"], "did you mean 'pm-1'"),
            (["pm-1", "broken"], "measuring, calibrating, fault"),
            (["pm-1", "measuring", "--for", "1h"], "--for goes with calibrating"),
            (["pm-1", "fault", "--for", "soon"], "--for must look like 30s"),
        ],
    )
    def test_a_mistake_is_one_line(self, config: Path, arguments: list[str], words: str) -> None:
        refused(halong("state", *arguments, "--config", config), words)

    def test_a_broken_logbook_is_not_overwritten(self, config: Path) -> None:
        config.with_name("logbook.json").write_text("{", encoding="utf-8")
        refused(halong("state", "pm-1", "fault", "--config", config), "move it away", code=1)
        assert config.with_name("logbook.json").read_text(encoding="utf-8") == "{"


def test_a_swap_is_dated(config: Path) -> None:
    told = halong("replace", "pm-1", "--new-serial", "B-2", "--note", "fan", "--config", config)
    assert told.exit_code == 0, told.output
    assert "pm-1: device B-2 since" in told.stdout
    (swap,) = logbookfile.read(config.with_name("logbook.json")).swaps
    assert (swap.sensor, swap.serial, swap.note) == ("pm-1", "B-2", "fan")


class TestExport:
    """The journal as CSV."""

    def test_rows_have_both_times_unit_flags_and_state(self, config: Path) -> None:
        with journal(config) as opened:
            readings = [
                Reading("pm-1", "pm25", T + 5, 8.5),
                Reading("pm-1", "pm25", T + 1000, 9.0, int(Flag.CALIBRATING | Flag.DEVICE)),
            ]
            opened.append(pack("bai-chay", readings), T)
            done = halong("export", config, "--from", "2026-11-23", "--to", "2026-11-25")
        assert done.exit_code == 0, done.output
        assert "2 readings of 1 packs" in done.stderr
        first, second = csv.DictReader(io.StringIO(done.stdout))
        assert first == {
            "time": "2026-11-23T18:30:00.005Z",
            "time_local": "2026-11-24T01:30:00.005+07:00",
            "sensor": "pm-1",
            "quantity": "pm25",
            "value": "8.5",
            "unit": "ug/m3",
            "flags": "0",
            "state": "measuring",
        }
        assert (second["flags"], second["state"]) == ("34", "calibrating")

    def test_days_are_the_citys(self, config: Path) -> None:
        with journal(config) as opened:
            opened.append(pack("bai-chay", [Reading("pm-1", "pm25", T, 8.5)]), T)
        out = config.with_name("out.csv")
        for day, rows in (("2026-11-23", 0), ("2026-11-24", 1)):
            following = f"{day[:-2]}{int(day[-2:]) + 1}"
            done = halong("export", config.parent, "--from", day, "--to", following, "--out", out)
            assert done.exit_code == 0, done.output
            assert len(out.read_text(encoding="utf-8").splitlines()) == 1 + rows
        nobody = halong("export", config.parent, "--from", "2026-11-24", "--sensor", "pm-11")
        refused(nobody, "no reading of 'pm-11' in that period", code=1)

    @pytest.mark.parametrize(
        ("arguments", "words", "code"),
        [
            (["--from", "yesterday"], "is no time like 2026-11-23 or", 2),
            (["--from", "2026-11-24", "--to", "2026-11-23"], "--from must be before --to", 2),
            (["--from", "2026-11-24"], "there is no journal at", 1),
        ],
    )
    def test_a_mistake_is_one_line(self, config: Path, arguments: list[str], words: str, code: int) -> None:
        refused(halong("export", config, *arguments), words, code=code)


class TestScan:
    """What a user can mistake, and one device found from the command line."""

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (["/tmp/no-such-*"], "is the adapter plugged in?"),
            (["x", "--units", "0-300"], "--units must be like 1-10"),
            (["x", "--place", "here"], "--place must be LATITUDE,LONGITUDE"),
            (["x", "/tmp/no-such-*"], "no port like /tmp/no-such-*"),
            (["x", "y", "--values", "z=temperature"], "--values: z is not among the ports, known: x, y"),
            (["x", "--values", "warmth"], "unknown quantity 'warmth'"),
            (["x", "--gateway", "A B"], "id 'A B'"),
            (["x", "--map", "none.toml"], "no register map 'none.toml'"),
            (["x", "--listen", "soon"], "--listen must look like"),
        ],
    )
    def test_a_mistake_is_one_line(self, arguments: list[str], words: str) -> None:
        refused(halong("scan", *arguments), words)

    def test_a_file_that_is_there_is_kept(self, config: Path) -> None:
        refused(halong("scan", "x", "--write", config), "is there already")
        assert config.read_text(encoding="utf-8") == CONFIG

    def test_a_port_that_is_not_there_is_told_and_nothing_was_found(self, tmp_path: Path) -> None:
        result = halong("scan", tmp_path / "absent", "--json")
        assert result.exit_code == 1
        (told,) = json.loads(result.stdout)
        assert (told["outcome"], told["detail"]) == ("away", "No such file or directory")

    def test_a_device_is_found_and_its_configuration_is_good(self, tmp_path: Path) -> None:
        link = tmp_path / "pm"
        device = subprocess.Popen(
            [sys.executable, "-m", "halong", "sim", "device", "pms5003", "--pty", link], cwd=ROOT
        )
        try:
            while not link.exists():
                time.sleep(0.05)
            out = tmp_path / "edge.toml"
            result = halong("scan", tmp_path / "p*", "--write", out)
        finally:
            device.kill()
            device.wait()
        assert result.exit_code == 0, result.output
        assert "pms5003" in result.stdout
        assert "listening" in result.stderr
        assert CliRunner().invoke(app, ["check", str(out)]).exit_code == 0


class TestSmall:
    def test_the_agent_loads_neither_store_nor_arrays_nor_web(self) -> None:
        loaded = "import sys, halong.__main__, halong.cli.edge, edge.agent; print(*sorted(sys.modules))"
        done = subprocess.run(
            [sys.executable, "-c", loaded], cwd=ROOT, capture_output=True, text=True, check=True
        )
        heavy = {
            "numpy",
            "duckdb",
            "aiohttp",
            "fastapi",
            "uvicorn",
            "pyarrow",
            "prometheus_client",
        }
        assert "edge.agent" in done.stdout.split()
        assert not heavy.intersection(done.stdout.split())
