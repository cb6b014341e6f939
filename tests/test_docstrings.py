"""The examples in docstrings give what they say."""

import doctest
import re
from importlib import import_module

import pytest

from tests.test_architecture import MODULES, ROOT

WITH_EXAMPLES = [
    path for path in MODULES if re.search(r"^ *>>> ", (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE)
]


@pytest.mark.parametrize("path", WITH_EXAMPLES)
def test_examples_give_what_they_say(path: str) -> None:
    failed, tried = doctest.testmod(import_module(path.removesuffix(".py").replace("/", ".")))
    assert (failed, tried > 0) == (0, True)


def test_there_are_examples() -> None:
    assert len(WITH_EXAMPLES) > 10
