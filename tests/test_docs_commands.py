"""Every `halong` command in the documents, in blocks and in sentences, is one of the program, with options it has.

(`tests/docs` runs those of the blocks.)
"""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from halong.__main__ import app

ROOT = Path(__file__).parents[1]
DOCUMENTS = [*sorted(ROOT.glob("README*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PROGRAM = re.compile(r"(?:^|\s)(?:\S*/)?halong (?P<words>.*)")
OPEN = re.compile(r"[A-Z][A-Z.]*|…")  # a word that stands for the reader's own


def in_blocks() -> list[tuple[str, str]]:
    """(document, words) of every line of a block that calls `halong`, continued lines joined."""
    found = []
    for document in DOCUMENTS:
        for kind, block in FENCE.findall(document.read_text(encoding="utf-8")):
            for line in block.replace("\\\n", " ").splitlines() if kind in ("sh", "console") else ():
                if match := PROGRAM.search(re.sub(r"\s+#.*$", "", line.strip())):
                    words = re.split(r"\s[|&>]|\s2>|;", match["words"])[0]
                    found.append((str(document.relative_to(ROOT)), words))
    return found


def in_sentences() -> list[tuple[str, str]]:
    """(document, words) of every `halong …` outside of blocks."""
    found = set()
    for document in [*DOCUMENTS, ROOT / "CHANGELOG.md"]:
        sentences = FENCE.sub("", document.read_text(encoding="utf-8"))
        for words in re.findall(r"`halong ([^`]+)`", sentences):
            found.add((str(document.relative_to(ROOT)), " ".join(words.split())))
    return sorted(found)


@pytest.mark.parametrize(("document", "words"), [*in_blocks(), *in_sentences()])
def test_it_is_a_command_with_options_it_has(document: str, words: str) -> None:
    said = f"{document}: halong {words}"
    left = shlex.split(words)
    command: Any = get_command(app)
    while left and hasattr(command, "commands") and not OPEN.fullmatch(left[0]):
        if command.name == "edge" and left[0].endswith(".toml"):  # short for `edge run`
            left.insert(0, "run")
        assert left[0] in command.commands, said
        command = command.commands[left.pop(0)]
    known = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    given = {word.partition("=")[0] for word in left if re.match(r"--[a-z]", word)}
    assert given <= known | {"--help"}, said


def test_there_are_many() -> None:
    assert len(in_blocks()) > 60
    assert len(in_sentences()) > 100


def test_blocks_are_of_a_kind_that_is_looked_at() -> None:
    """A command in a block of another kind would be looked at by nobody."""
    others = [
        (str(document.relative_to(ROOT)), line)
        for document in DOCUMENTS
        for kind, block in FENCE.findall(document.read_text(encoding="utf-8"))
        for line in (block.splitlines() if kind not in ("sh", "console") else ())
        if re.match(r"(?:sudo |\$ |\S*/)?halong ", line)
    ]
    assert others == []
