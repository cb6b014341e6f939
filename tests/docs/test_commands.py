"""Every command block of the documents is typed, line by line, into a small real installation; each must end as it says.

A block that cannot be run here has `<!-- not run: REASON -->` above it; `tests/test_docs_commands.py` holds those to the
program's options. The tutorial is run as a whole by `tests/test_tutorial.py`.
"""

import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from time import sleep
from typing import NamedTuple

import pytest

from tests.docs.sandbox import ROOT, Place, city

DOCUMENTS = [*sorted(ROOT.glob("README*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(
    r"^(?:<!-- not run: (?P<reason>[^\n]+) -->\n)?```(?:sh|console)\n(?P<text>.*?)^```$", re.M | re.S
)
WHOLE = {"docs/tutorial.md"}
# Of these commands the store's file must be free: they are typed where no hub runs.
ALONE = (
    "halong ledger --data",
    "halong export --data",
    "halong restore",
    "halong migrate",
    "halong verify",
)
LASTING = ("halong sim ", "halong edge monitor", "curl -N")  # until Ctrl-C
# Exit 1 says that something is wrong with the city.
TELLING = ("halong ledger", "halong verify", "halong doctor")
COMMAND_S, LOOK_S = 60, 2.5


class Block(NamedTuple):
    """Of one document, in its order; `reason` says why it is not run."""

    document: str
    reason: str
    lines: tuple[str, ...]


def blocks() -> list[Block]:
    found = []
    for document in DOCUMENTS:
        for match in BLOCK.finditer(document.read_text(encoding="utf-8")):
            whole = match["text"].replace("\\\n", " ")
            lines = [re.sub(r"\s+#.*$", "", line).strip() for line in whole.splitlines()]
            name = str(document.relative_to(ROOT))
            found.append(Block(name, match["reason"] or "", tuple(line for line in lines if line)))
    return found


PAGES = sorted({block.document for block in blocks() if not block.reason} - WHOLE)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, influxd_url: str) -> Iterator[Place]:
    with city(tmp_path_factory.mktemp("city"), f"{influxd_url}/docs") as one:
        yield one


@pytest.fixture(scope="module")
def still(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """The same installation as a backup gives it back, with nothing running."""
    directory = tmp_path_factory.mktemp("still")
    data = directory / "halong-data"
    saved = data / "backups" / "20261123-080000"
    saved.parent.mkdir(parents=True)
    for command in (
        ["halong", "backup", str(saved), "--data", "halong-data"],
        ["halong", "restore", str(saved), "--data", str(data)],
    ):
        subprocess.run(command, cwd=place.directory, env=place.environment, check=True, capture_output=True)
    for name in ("edge.toml", "hub.toml", "truth.jsonl", "journal.db"):
        shutil.copy(place.directory / name, directory / name)
    return place._replace(directory=directory)


def typed(line: str, place: Place) -> str:
    """The line with this place's addresses, files and shorter waits."""
    for documented, here in (
        ("http://hub:8080", place.api),
        ("http://127.0.0.1:8080", place.api),
        ("http://influx.example:8086/halong", place.influx),
        ("mqtt://centre", place.broker),
        ("/dev/ttyUSB0", "./usb0"),
        ("/tmp/", f"{place.tmp}/"),
        ("/etc/halong/", ""),
        (" --user halong", ""),
        ("--listen 30s", "--listen 2s"),
        ("--for 30s", "--for 2s"),
        (".venv/bin/", ""),
    ):
        line = line.replace(documented, here)
    return line


def run(line: str, place: Place) -> None:
    """Type it and see how it ends."""
    command = typed(line, place)
    lasting = line.startswith(LASTING) and "--for" not in line
    output = place.tmp / "said"
    with output.open("w+", encoding="utf-8") as said:
        process = subprocess.Popen(
            # what was started in the background hands on a SIGINT that is ignored
            ["env", "--default-signal=INT", "bash", "-c", f"exec {command}" if lasting else command],
            cwd=place.directory,
            env=place.environment,
            stdout=said,
            stderr=subprocess.STDOUT,
        )
        try:
            if lasting:
                record = re.search(r"--record (\S+)", command)
                seen = place.directory / record[1] if record else output
                while not (seen.exists() and seen.stat().st_size) and process.poll() is None:
                    sleep(0.1)
                sleep(LOOK_S)
                process.send_signal(signal.SIGINT)
            process.wait(COMMAND_S)
        finally:
            process.kill()
        said.seek(0)
        text = said.read()
    good = {0, 130, -signal.SIGINT} if lasting else {0, 1} if line.startswith(TELLING) else {0}
    assert process.returncode in good, f"{line}\n{command}\nexit {process.returncode}\n{text}"
    assert "Traceback" not in text, f"{line}\n{text}"
    refusals = [said for said in text.splitlines() if said.startswith("halong: ")]
    assert process.returncode == 0 or lasting or not refusals, f"{line}\n{text}"


@pytest.mark.influxd
@pytest.mark.mosquitto
@pytest.mark.parametrize("page", PAGES)
def test_its_commands_do_what_they_say(page: str, request: pytest.FixtureRequest, place: Place) -> None:
    lines = [
        line for block in blocks() if block.document == page and not block.reason for line in block.lines
    ]
    assert lines
    for line in lines:
        run(line, request.getfixturevalue("still") if line.startswith(ALONE) else place)


def test_a_block_that_is_not_run_says_why() -> None:
    skipped = [block for block in blocks() if block.reason]
    assert all(len(block.reason) > 10 for block in skipped)
    typed_lines = sum(len(block.lines) for block in blocks() if not block.reason)
    assert typed_lines > sum(len(block.lines) for block in skipped)
