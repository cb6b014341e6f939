"""The configuration file while the agent runs: when it is read again, and what is refused."""

import asyncio
from pathlib import Path

import pytest

from edge.config import load_checked
from edge.configfile import ConfigFile
from runtime.config import ConfigError

CONFIG = """
gateway = "gw-1"
site = { id = "s", name = "S", latitude = 20.9, longitude = 107.0 }
"""
SERIAL = """
[[serial]]
path = "/dev/pm"
protocol = "pms5003"
sensor = "pm-1"
"""
LOOK_S = 0.02


async def has_changed(file: ConfigFile, within_s: float = 5.0) -> bool:
    try:
        async with asyncio.timeout(within_s):
            await file.changed()
    except TimeoutError:
        return False
    return True


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "edge.toml"
    path.write_text(CONFIG)
    return path


async def test_it_is_read_when_it_changes_and_when_asked_once_each(path: Path) -> None:
    file = ConfigFile(path, load_checked, look_every_s=LOOK_S)
    current = load_checked(path)
    assert not await has_changed(file, 5 * LOOK_S)
    path.write_text(CONFIG + SERIAL)
    assert await has_changed(file)
    assert file.read(current).sensor_count == 1
    assert not await has_changed(file, 5 * LOOK_S)
    file.ask()
    assert await has_changed(file)
    assert not await has_changed(file, 5 * LOOK_S)


async def test_a_file_that_is_away_is_waited_for(path: Path) -> None:
    file = ConfigFile(path, load_checked, look_every_s=LOOK_S)
    path.unlink()
    assert not await has_changed(file, 5 * LOOK_S)
    path.write_text(CONFIG + SERIAL)
    assert await has_changed(file)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (CONFIG + "[[serial]\n", "at line "),
        (CONFIG + SERIAL + "speed = 1\n", "unknown key 'serial[0].speed'"),
        (CONFIG + SERIAL + "baud = -1\n", "serial[0]: baud -1 must be above 0"),
        (
            CONFIG + '[journal]\npath = "other.db"\n[broker]\nroot = "x"\n',
            "broker, journal can only change with a restart",
        ),
    ],
)
def test_a_bad_one_is_refused_in_one_line_with_its_place(path: Path, text: str, words: str) -> None:
    current = load_checked(path)
    file = ConfigFile(path, load_checked)
    path.write_text(text)
    with pytest.raises(ConfigError) as refused:
        file.read(current)
    assert words in str(refused.value)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)
