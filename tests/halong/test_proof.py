"""A reading is followed from the port to the acknowledgement; whatever is missing is named."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path
from typing import NamedTuple

import pytest

from edge import holders
from edge.config import EdgeConfig
from halong.proof import MissingError, follow
from tests.peers import GATEWAY, NOBODY, Centre, agent, device, edge_config, now_ms
from tests.waiting import until

PATIENCE_S = 30.0
CONFIG = """
[broker]
url = "{url}"
root = "{root}"
[clock]
trust = "system"
[[serial]]
path = "{directory}/pm"
protocol = "mhz19"
sensor = "co2-1"
period_s = 0.3
[[serial]]
path = "{directory}/absent"
protocol = "sds011"
sensor = "pm-2"
"""


class Cabinet(NamedTuple):
    """An agent with one simulated device, and what was told of it."""

    config: EdgeConfig
    told: list[tuple[str, str]]

    async def follow(self, sensor: str, within_s: float) -> None:
        await follow(
            self.config,
            sensor,
            within_s=within_s,
            clock=now_ms,
            tell=lambda step, words: self.told.append((step, words)),
        )


@asynccontextmanager
async def cabinet(directory: Path, url: str, *, hub: bool) -> AsyncIterator[Cabinet]:
    """It runs inside the block; the hub acknowledges, where there is one."""
    config = edge_config(CONFIG, directory=directory, url=url).located_in(directory)
    async with (
        device("mhz19", directory / "pm"),
        agent(config),
        Centre(config).running() if hub else nullcontext(),
    ):
        await until(lambda: holders.of_journal(Path(config.journal.path)) is not None)
        yield Cabinet(config, [])


async def test_every_step_is_told_up_to_the_acknowledgement(tmp_path: Path, mosquitto_url: str) -> None:
    async with cabinet(tmp_path, mosquitto_url, hub=True) as one:
        await one.follow("co2-1", PATIENCE_S)
        with pytest.raises(MissingError, match=r"no reading of pm-2 in 0.5 s"):
            await one.follow("pm-2", 0.5)
    steps = [step for step, _ in one.told][:5]
    assert steps == ["agent", "read", "journaled", "sent", "acknowledged"]
    words = dict(one.told[:5])
    assert words["agent"] == f"runs as process {os.getpid()}"
    assert "co2" in words["read"]
    assert words["sent"] == "the broker has carried it"


async def test_without_a_hub_it_is_sent_and_not_acknowledged(tmp_path: Path, mosquitto_url: str) -> None:
    async with cabinet(tmp_path, mosquitto_url, hub=False) as one:
        with pytest.raises(MissingError, match=r"not acknowledged in 1.5 s"):
            await one.follow("co2-1", 1.5)
    assert [step for step, _ in one.told] == ["agent", "read", "journaled", "sent"]


async def test_without_a_broker_it_is_not_sent(tmp_path: Path) -> None:
    async with cabinet(tmp_path, NOBODY, hub=False) as one:
        with pytest.raises(MissingError, match=r"not sent: the broker at mqtt://127.0.0.1:1 does not answer"):
            await one.follow("co2-1", 1.5)


def test_without_an_agent_it_says_so_in_one_line(tmp_path: Path) -> None:
    config = tmp_path / "edge.toml"
    config.write_text(GATEWAY + CONFIG.format(directory=tmp_path, url=NOBODY, root="r"), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "halong", "edge", "test", "co2-1", "--config", config],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 1
    assert done.stderr.startswith("halong: no agent runs on")
    assert done.stderr.count("\n") == 1
