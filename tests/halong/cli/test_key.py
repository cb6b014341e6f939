"""`halong key`: make, list, revoke; the key is printed once and works in the hub's book."""

import json
from pathlib import Path
from time import time_ns

import pytest
from typer.testing import CliRunner, Result

from halong.__main__ import app
from storage.book import Book
from storage.keys import Keys, Role


def key(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["key", *arguments])


def test_a_key_from_its_making_to_its_end(tmp_path: Path) -> None:
    data = ["--data", str(tmp_path)]
    made = key("create", "night shift", "--role", "operator", "--site", "bai-chay", "--expires", "90d", *data)
    assert made.exit_code == 0
    text = made.stdout.strip()
    with Book(tmp_path / "book.sqlite") as book:
        row = Keys(book).find(text, time_ns() // 1_000_000)
        assert row is not None
        assert (row.role, row.sites) == (Role.OPERATOR, ("bai-chay",))
        assert Keys(book).find(text, row.created_ms + 90 * 86_400_000) is None
        listed = key("list", *data).stdout
        assert row.id in listed
        assert text not in listed
        assert text.split("_", 2)[2] not in key("list", "--json", *data).stdout
        assert key("revoke", row.id, *data).exit_code == 0
        assert Keys(book).find(text, row.created_ms) is None
        assert [change.action for change in Keys(book).changes(9)] == ["key revoke", "key create"]
    again = key("revoke", row.id, *data)
    assert (again.exit_code, again.stderr.count("\n")) == (1, 1)
    assert "revoked" in key("list", *data).stdout


def test_as_json(tmp_path: Path) -> None:
    made = json.loads(key("create", "grafana", "--json", "--data", str(tmp_path)).stdout)
    assert made["key"].startswith(f"hl_{made['id']}_")
    assert made["role"] == "viewer"


@pytest.mark.parametrize(
    "arguments",
    [
        ["create", "", "--data", "."],
        ["create", "x" * 61, "--data", "."],
        ["create", "a\nb", "--data", "."],
        ["create", "a", "--site", "Bãi Cháy", "--data", "."],
        ["create", "a", "--expires", "soon", "--data", "."],
        ["create", "a", "--data", "nowhere"],
        ["list", "--data", "nowhere"],
    ],
)
def test_a_mistake_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]) -> None:
    monkeypatch.chdir(tmp_path)
    done = key(*arguments)
    assert done.exit_code == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert not list(tmp_path.iterdir())
