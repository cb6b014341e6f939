"""What every command of the command line shares: one clear line for a mistake, configurations, durations, services."""

import asyncio
import math
import signal
import sys
import tomllib
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any

import typer

from telemetry import times

Config = Annotated[Path, typer.Argument(help="The TOML configuration.")]
TIME = "2026-11-23 or 2026-11-23T08:00, in the city's time; or with a zone, 2026-11-23T01:00Z"
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def fail(message: str, code: int = 1) -> typer.Exit:
    """One clear line on stderr, no traceback."""
    print(f"halong: {message}", file=sys.stderr)
    return typer.Exit(code)


def run(main: Callable[[asyncio.Event], Coroutine[Any, Any, Any]]) -> Any:
    """Run a service until SIGINT or SIGTERM sets its stop event."""
    from runtime.descriptors import ask_for_more
    from runtime.forgiving import forgive

    async def until_signal() -> Any:
        ask_for_more()
        forgive()
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        return await main(stop)

    return asyncio.run(until_signal())


def load(path: Path, kind: type, check: Callable[[Any], None]) -> Any:
    """The configuration at `path`, checked whole; a mistake ends the command with exit 2."""
    from runtime.config import ConfigError
    from runtime.config import load as load_file

    try:
        config: Any = load_file(path, kind)
        check(config)
    except ConfigError as error:
        raise fail(str(error), 2) from None
    return config


def load_either(path: Path) -> Any:
    """The agent's configuration (EdgeConfig) or the hub's (HubConfig) at `path`, checked whole; a mistake ends the command."""
    from edge.config import check as check_edge
    from edge.settings import EdgeConfig
    from halong import hub

    agents_own = set(EdgeConfig.__struct_fields__) - set(hub.HubConfig.__struct_fields__)
    try:
        is_edge = bool(agents_own & tomllib.loads(path.read_text(encoding="utf-8")).keys())
    except (OSError, ValueError):
        is_edge = True  # the loader says it better
    return load(path, EdgeConfig, check_edge) if is_edge else load(path, hub.HubConfig, hub.check)


def seconds(text: str, option: str = "--for") -> float:
    """A duration like 30s, 5m, 2h, 1d, or a bare number of seconds; a mistake ends the command with exit 2."""
    try:
        found = float(text[:-1]) * _UNITS[text[-1]] if text[-1:] in _UNITS else float(text)
    except ValueError:
        found = 0.0
    if not 0 < found < math.inf:
        raise fail(f"{option} must look like 30s, 5m or 2h, not {text!r}", 2)
    return found


def instant_ms(text: str, option: str) -> int:
    """A time as commands take it (`TIME`), in ms since 1970; a mistake ends the command with exit 2."""
    try:
        return times.read(text, times.CITY_ZONE)
    except ValueError as error:
        raise fail(f"{option} {error}", 2) from None
