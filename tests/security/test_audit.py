"""The audit against advisories in OSV's format: ranges and lists of versions, and that nothing to look at is no clean bill."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
LOCK = "a-package==1.4.2 \\\n    --hash=sha256:00\nother[extra]==2.0\n"


def advisory(**affected: Any) -> dict[str, Any]:
    package = {"ecosystem": "PyPI", "name": "A_Package"}
    return {"id": "PYSEC-1", "summary": "It breaks.", "affected": [{"package": package, **affected}]}


def between(*events: dict[str, str]) -> dict[str, Any]:
    return advisory(ranges=[{"type": "ECOSYSTEM", "events": list(events)}])


def audit(*arguments: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "scripts" / "audit.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    path = tmp_path / "requirements.txt"
    path.write_text(LOCK, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("known", "found"),
    [
        (between({"introduced": "0"}, {"fixed": "1.4.3"}), True),
        (between({"introduced": "0"}, {"fixed": "1.4.2"}), False),
        (between({"introduced": "1.5"}), False),
        (between({"introduced": "0"}, {"fixed": "1.0"}, {"introduced": "1.4"}), True),
        (between({"introduced": "0"}, {"last_affected": "1.4.2"}), True),
        (between({"introduced": "0"}, {"last_affected": "1.4.1"}), False),
        (between({"introduced": "1.10"}), False),  # 1.4.2 is older: versions are no text
        (advisory(versions=["1.4.1", "1.4.2"]), True),
        (advisory(versions=["1.4.20"]), False),
        ({**advisory(versions=["1.4.2"]), "withdrawn": "2026-01-01T00:00:00Z"}, False),
    ],
)
def test_what_is_locked_is_found_where_it_is_affected(
    tmp_path: Path, lock: Path, known: dict[str, Any], found: bool
) -> None:
    pack = tmp_path / "all.zip"
    with zipfile.ZipFile(pack, "w") as target:
        target.writestr("PYSEC-1.json", json.dumps(known))
    done = audit(pack, lock)
    assert done.returncode == found, done.stderr
    assert ("a-package 1.4.2: PYSEC-1 It breaks." in done.stdout) == found
    assert "2 packages, 1 advisories" in done.stderr


def test_another_ecosystems_package_of_that_name_is_another(tmp_path: Path, lock: Path) -> None:
    known = advisory(versions=["1.4.2"])
    known["affected"][0]["package"]["ecosystem"] = "npm"
    (tmp_path / "one.json").write_text(json.dumps(known), encoding="utf-8")
    assert audit(tmp_path / "one.json", lock).returncode == 0


def test_nothing_to_look_at_is_no_clean_bill(tmp_path: Path, lock: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    broken = tmp_path / "broken.zip"
    broken.write_bytes(b"no zip")
    for place in (empty, broken, tmp_path / "nowhere.json"):
        done = audit(place, lock)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr


def test_the_project_s_own_lock_is_read(tmp_path: Path) -> None:
    known = between({"introduced": "0"})
    known["affected"][0]["package"]["name"] = "msgspec"
    (tmp_path / "one.json").write_text(json.dumps(known), encoding="utf-8")
    done = audit(tmp_path / "one.json")
    assert (done.returncode, "msgspec " in done.stdout) == (1, True)
