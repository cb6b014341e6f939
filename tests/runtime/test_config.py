"""Configuration: what is right loads, what is wrong is one clear line."""

from pathlib import Path

import msgspec
import pytest

from runtime.config import ConfigError, load, parse


class Port(msgspec.Struct, frozen=True):
    path: str
    baud: int = 9600


class Settings(msgspec.Struct, frozen=True):
    gateway: str
    ports: tuple[Port, ...] = ()
    journal: Port | None = None


def test_a_good_file_loads(tmp_path: Path) -> None:
    file = tmp_path / "edge.toml"
    file.write_text('gateway = "g"\n[[ports]]\npath = "/dev/x"\n', encoding="utf-8")
    assert load(file, Settings) == Settings("g", (Port("/dev/x"),))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('gatway = "g"', ["gatway", "did you mean 'gateway'"]),
        ('gateway = "g"\n[[ports]]\npath = "x"\nbuad = 1', ["ports[0].buad", "did you mean 'baud'"]),
        ('gateway = "g"\n[journal]\nfrobnicate = 1', ["journal.frobnicate", "known: baud, path"]),
        ("gateway = 5", ["gateway", "str"]),
        ("gateway = ", ["Invalid value"]),
        ("", ["gateway"]),
    ],
)
def test_a_wrong_one_is_one_line_that_says_where(text: str, words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text, Settings, "edge.toml")
    message = str(caught.value)
    assert message.startswith("edge.toml: ")
    assert "\n" not in message
    for word in words:
        assert word in message


def test_a_file_that_is_not_there_or_not_text(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read .*No such file"):
        load(tmp_path / "absent.toml", Settings)
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="not UTF-8"):
        load(binary, Settings)
