"""The command line. Every command: `--help` worth reading, exit 0 only on success, one clear line for what a user can cause."""

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

# Where a command is: module of `halong.cli` and name. It is imported when somebody asks for it: an agent loads no pages.
COMMANDS = {
    "up": "city:up",
    "edge": "edge:edge",
    "hub": "service:hub",
    "ingest": "service:ingest",
    "api": "service:api",
    "check": "service:check",
    "doctor": "doctor:doctor",
    "decode": "reading:decode",
    "sim": "sim:sim",
    "verify": "reading:verify",
    "chaos": "city:chaos",
    "alarm": "alarm:app",
    "ledger": "ledger:ledger",
    "gateway": "ledger:gateway",
    "quarantine": "quarantine:app",
    "correction": "amendments:correction",
    "validity": "amendments:validity",
    "aqi": "aqi:app",
    "detect": "detect:app",
    "export": "store:export",
    "migrate": "store:migrate_command",
    "rollup": "store:rollup",
    "backup": "backup:backup",
    "restore": "backup:restore",
    "resend": "reading:resend",
    "key": "key:app",
    "pki": "pki:app",
}


class _Commands(Mapping[str, Any]):
    def __getitem__(self, name: str) -> Any:
        module, _, attribute = COMMANDS[name].partition(":")
        return _command(name, module, attribute)

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


@cache
def _command(name: str, module: str, attribute: str) -> Any:
    found = getattr(import_module(f"halong.cli.{module}"), attribute)
    alone = typer.Typer(add_completion=False, rich_markup_mode="rich")
    if isinstance(found, typer.Typer):
        alone.add_typer(found, name=name)
    else:
        alone.command(name)(found)
    return typer.main.get_group(alone).commands[name]


class Program(TyperGroup):
    """The commands of COMMANDS."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = _Commands()  # type: ignore[assignment]  # nobody adds to it


app = typer.Typer(
    cls=Program,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Hạ Long telemetry: from the sensors of a city to data that can be trusted. `halong up` shows it all.",
)


@app.callback()
def _program() -> None: ...


def main() -> None:
    """Entry point of the `halong` program."""
    app()


if __name__ == "__main__":
    main()
