"""What the commands of `halong edge` share: the configuration of the gateway, the clock."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from halong.console import fail, load
from telemetry.names import did_you_mean

if TYPE_CHECKING:
    from edge.settings import EdgeConfig

ConfigFile = Annotated[
    Path,
    typer.Option("--config", envvar="HALONG_EDGE_CONFIG", help="The configuration of this gateway's agent."),
]
HERE = Path("edge.toml")
SensorId = Annotated[str, typer.Argument(help="The sensor's id in the configuration.")]


def located(config: Path, sensor: str | None = None) -> "EdgeConfig":
    """The configuration with its journal located; a mistake, or a sensor that is not in it, ends the command."""
    from edge.config import EdgeConfig, check

    settings: EdgeConfig = load(config, EdgeConfig, check).located_in(config.parent)
    known = [listed.id for listed in settings.sensors()]
    if sensor is not None and sensor not in known:
        raise fail(f"{config} has no sensor {sensor!r}, {did_you_mean(sensor, known)}", 2)
    return settings


def now_ms() -> int:
    """Wall time in ms since 1970 UTC."""
    return time.time_ns() // 1_000_000
