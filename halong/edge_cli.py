"""`halong edge …`: the agent of a gateway, and what a technician does at its cabinet."""

from typing import Any

import typer
from typer.core import TyperGroup

from halong.console import Config, fail, load
from halong.console import run as run_service


class EdgeGroup(TyperGroup):
    """`halong edge FILE` is short for `halong edge run FILE`."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that the arguments name, and what is left of them."""
        if self.get_command(ctx, args[0]) is None and args[0].endswith(".toml"):
            args = ["run", *args]
        return super().resolve_command(ctx, args)


edge = typer.Typer(
    cls=EdgeGroup,
    no_args_is_help=True,
    help="The agent of one gateway, and what a technician does at its cabinet (docs/technician.md)."
    " `halong edge FILE.toml` is short for `halong edge run FILE.toml`.",
)


@edge.command()
def run(config: Config) -> None:
    """The agent of one gateway: reads its sensors and loses nothing it has accepted."""
    from edge.agent import run as run_agent
    from edge.config import EdgeConfig, check
    from runtime import log
    from runtime.config import ConfigError

    settings = load(config, EdgeConfig, check)
    log.configure(process=settings.gateway)
    try:
        run_service(lambda stop: run_agent(settings.located_in(config.parent), stop=stop))
    except ConfigError as error:
        raise fail(str(error)) from None
