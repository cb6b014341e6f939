"""Every `halong` command in the documents' blocks is one of the program, with options it has. (`tests/docs` runs them.)"""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from halong.__main__ import app

ROOT = Path(__file__).parents[1]
DOCUMENTS = [*sorted(ROOT.glob("README*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(?:sh|console)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def commands() -> list[tuple[str, str]]:
    """(document, line) of every line of a block that begins with `halong`, continued lines joined."""
    found = []
    for document in DOCUMENTS:
        for block in BLOCK.findall(document.read_text(encoding="utf-8")):
            for line in block.replace("\\\n", " ").splitlines():
                text = re.sub(r"\s+#.*$", "", line.strip())
                if text.startswith("halong "):
                    found.append((str(document.relative_to(ROOT)), text))
    return found


@pytest.mark.parametrize(("document", "line"), commands())
def test_it_is_a_command_with_options_it_has(document: str, line: str) -> None:
    words = shlex.split(re.split(r"\s[|&>]|\s2>|;", line)[0])[1:]
    command: Any = get_command(app)
    while words and hasattr(command, "commands"):
        assert words[0] in command.commands, f"{document}: {line}"
        command = command.commands[words.pop(0)]
    known = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    given = {word.partition("=")[0] for word in words if re.match(r"--[a-z]", word)}
    assert given <= known | {"--help"}, f"{document}: {line}"


def test_there_are_many() -> None:
    assert len(commands()) > 30
