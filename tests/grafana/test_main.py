"""`python -m grafana`: what is committed is what the code makes, and --check sees what is not."""

from pathlib import Path

import pytest

from grafana import files
from grafana.__main__ import main


def test_the_committed_files_are_what_the_code_makes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"]) == 0
    assert capsys.readouterr() == ("", "")


def test_writing_makes_the_check_pass_and_changes_nothing_twice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = ["--directory", str(tmp_path)]
    assert main(["--check", *place]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == len(files.rendered()) > 5
    assert all(line.endswith("is not there: run python -m grafana") for line in lines)
    assert main(place) == 0
    assert sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.*")) == sorted(
        files.rendered()
    )
    assert main(["--check", *place]) == 0
    capsys.readouterr()
    assert main(place) == 0
    assert capsys.readouterr().out == ""


def test_one_line_for_each_file_that_differs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files.write(tmp_path)
    dashboard = tmp_path / "dashboards/halong-overview.json"
    dashboard.write_text(dashboard.read_text(encoding="utf-8").replace("ppm", "ppb", 1), encoding="utf-8")
    source = tmp_path / "provisioning/datasources/halong.yaml"
    source.write_bytes(source.read_bytes() + b"\n")
    old = tmp_path / "dashboards/old.json"
    old.write_text("{}", encoding="utf-8")
    assert main(["--check", "--directory", str(tmp_path)]) == 1
    assert capsys.readouterr().err.splitlines() == [
        f"{dashboard} is not what the code makes: run python -m grafana",
        f"{source} is not what the code makes: run python -m grafana",
        f"{old} is not made by any code: delete it",
    ]
    assert [path.name for path in files.write(tmp_path)] == ["halong-overview.json", "halong.yaml"]


def test_a_place_that_cannot_be_written_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    blocker = tmp_path / "file"
    blocker.write_text("", encoding="utf-8")
    assert main(["--directory", str(blocker)]) == 1
    assert capsys.readouterr().err.count("\n") == 1
