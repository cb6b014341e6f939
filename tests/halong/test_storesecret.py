"""An InfluxDB's secret comes from the environment or a file; on a command line it is refused, without being told again."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from halong import storesecret
from halong.__main__ import app
from runtime.config import ConfigError


def test_a_file_holds_it_and_the_variable_wins(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("halong:geheim\n")
    named = {"HALONG_STORE_SECRET_FILE": str(file)}
    assert storesecret.secret(named) == "halong:geheim"
    assert storesecret.secret({**named, "HALONG_STORE_SECRET": "u:p"}) == "u:p"
    assert storesecret.secret({**named, "HALONG_STORE_SECRET": ""}) == "halong:geheim"
    assert storesecret.secret({}) == ""
    with pytest.raises(ConfigError, match=r"HALONG_STORE_SECRET_FILE: cannot read .*/absent"):
        storesecret.secret({"HALONG_STORE_SECRET_FILE": str(tmp_path / "absent")})


def test_a_second_server_has_a_secret_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    both = (storesecret.DEST_VARIABLE, storesecret.VARIABLE)
    monkeypatch.setenv("HALONG_STORE_SECRET", "one:1")
    assert storesecret.of_command("http://h:1/db", *both) == "http://one:1@h:1/db"
    monkeypatch.setenv("HALONG_DEST_SECRET", "other:2")
    assert storesecret.of_command("http://h:1/db", *both) == "http://other:2@h:1/db"
    assert storesecret.of_command("http://h:1/db") == "http://one:1@h:1/db"
    monkeypatch.setenv("HALONG_DEST_SECRET", "")
    monkeypatch.setenv("HALONG_DEST_SECRET_FILE", "/nowhere/secret")
    with pytest.raises(ConfigError, match="HALONG_DEST_SECRET_FILE: cannot read /nowhere/secret"):
        storesecret.of_command("http://h:1/db", *both)


ADDRESS = "http://halong:geheim@127.0.0.1:9/db"


@pytest.mark.parametrize(
    ("words", "variable"),
    [
        (["verify", "--record", "truth.jsonl", "--store", ADDRESS], "HALONG_STORE_SECRET"),
        (["export", "--out", "x.csv", "--store", ADDRESS], "HALONG_STORE_SECRET"),
        (["migrate", ADDRESS, "b.duckdb"], "HALONG_STORE_SECRET"),
        (["migrate", "a.duckdb", ADDRESS], "HALONG_STORE_SECRET"),
    ],
)
def test_on_a_command_line_it_is_refused_in_one_line(words: list[str], variable: str) -> None:
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 2
    assert f"put user:secret into {variable}, or into a file that {variable}_FILE names" in done.stderr
    assert done.stderr.count("\n") == 1
    assert "geheim" not in done.output
