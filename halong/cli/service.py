"""`halong hub`, `ingest` and `api`: what runs in an operations centre; `halong check`: whether its configurations are good."""

from pathlib import Path
from typing import Annotated

import typer

from halong.console import Config, fail, load, load_either, run


def hub(
    config: Config,
    trace: Annotated[Path | None, typer.Option(help="Append what each commit stored, as JSON lines.")] = None,
) -> None:
    """Ingest and API in one process: what an operations centre runs."""
    _serve("hub", config, trace)


def ingest(config: Config) -> None:
    """Ingest alone, with InfluxDB as the store."""
    _serve("ingest", config)


def api(config: Config) -> None:
    """The API and the page alone, with InfluxDB as the store."""
    _serve("api", config)


def _serve(part: str, config: Path, trace: Path | None = None) -> None:
    from halong import hub as hub_module
    from runtime import log
    from runtime.config import ConfigError
    from storage.book import BookUnavailableError
    from storage.store import StoreUnavailableError

    settings = load(config, hub_module.HubConfig, hub_module.check)
    if part != "hub" and settings.store.url.startswith("duckdb:"):
        raise fail(
            f"the embedded store belongs to one process, the hub: run `halong hub {config}`, or use InfluxDB",
            2,
        )
    log.configure(process=part)
    try:
        run(lambda stop: hub_module.run(settings, stop=stop, part=part, trace=trace))  # type: ignore[arg-type]
    except (ConfigError, StoreUnavailableError, BookUnavailableError, OSError) as error:
        raise fail(str(error)) from None


def check(configs: Annotated[list[Path], typer.Argument(help="Edge or hub configurations.")]) -> None:
    """Check configurations whole, before any port opens. Exit 0 when all can be used."""
    from edge.settings import EdgeConfig
    from edge.volume import described

    for path in configs:
        settings = load_either(path)
        if isinstance(settings, EdgeConfig):
            print(
                f"{path}: gateway {settings.gateway} at {settings.site.id}, {settings.sensor_count} sensors: good"
            )
            print(f"  {described(settings)}")
        else:
            print(f"{path}: hub: good")
