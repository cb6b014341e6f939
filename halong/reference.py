"""`python -m halong.reference`: the pages of docs/reference, made from the code; with --check it only says what differs."""

import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, get_args

import click
import msgspec
from typer.main import get_command

from edge.driver import Driver, extras
from edge.drivers import SHIPPED
from edge.settings import EdgeConfig
from halong.console import TIME
from halong.hub import HubConfig
from halong.reference_metrics import HEAD, of_the_agent, of_the_hub
from telemetry.quantities import QUANTITIES

ROOT = Path(__file__).parents[1]
PAGES = ROOT / "docs" / "reference"
MADE = "<!-- Made by `python -m halong.reference`: change the code, then run it again. -->\n\n"
COMMENT_COLUMN = re.compile(r"^([a-z0-9_]+) = .*?\s{2,}# (.*)$")
SECTION = re.compile(r"^\[\[?([a-z0-9_.]+)\]\]?")


def table(head: Sequence[str], rows: Iterator[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = [" | ".join(head), " | ".join("---" for _ in head)]
    lines += [" | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in row) for row in rows]
    return "".join(f"| {line} |\n" for line in lines)


def comments(sample: str) -> dict[str, str]:
    """What a sample file says of each key, by `section.key`; a comment goes on over lines that are comments alone."""
    found: dict[str, str] = {}
    section = last = ""
    for line in sample.splitlines():
        if match := SECTION.match(line):
            section, last = match[1] + ".", ""
        elif match := COMMENT_COLUMN.match(line):
            last = section + match[1]
            found.setdefault(last, match[2])
        elif last and re.match(r"^\s{8,}# ", line):
            found[last] += " " + line.strip("# ")
        else:
            last = ""
    return found


def keys(kind: Any, path: str, said: dict[str, str]) -> Iterator[Sequence[object]]:
    """(key, type, default, comment) of a struct and all below it."""
    for field in msgspec.structs.fields(kind):
        name = f"{path}{field.encode_name}"
        inner = [one for one in (field.type, *get_args(field.type)) if _is_struct(one)]
        if inner and getattr(field.type, "__origin__", None) is not dict:
            yield from keys(inner[0], f"{name}.", said)
            continue
        default = "needed" if field.required else f"`{_plain(field)}`"
        yield f"`{name}`", f"`{_type(field.type)}`", default, said.get(name, "")


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _plain(field: Any) -> str:
    if field.default is msgspec.NODEFAULT:
        return msgspec.json.encode(field.default_factory()).decode()
    return msgspec.json.encode(field.default).decode()


def _type(kind: Any) -> str:
    plain = isinstance(kind, type) and not get_args(kind)
    return re.sub(r"\b[a-z_]+(?:\.[a-z_]+)*\.(?=[A-Z])", "", kind.__name__ if plain else str(kind))


def configuration() -> str:
    """Every key of both files."""
    parts = ["# Configuration\n\n", MADE]
    for title, kind, sample in (
        ("`edge.toml`", EdgeConfig, ROOT / "edge" / "edge.sample.toml"),
        ("`hub.toml`", HubConfig, ROOT / "halong" / "hub.sample.toml"),
    ):
        said = comments(sample.read_text(encoding="utf-8"))
        parts += [
            f"## {title}\n\n",
            table(("key", "type", "default", "what it is"), keys(kind, "", said)),
            "\n",
        ]
    return "".join(parts).rstrip() + "\n"


def quantities() -> str:
    """The catalogue."""
    rows = (
        (
            f"`{one.name}`",
            one.unit,
            one.kind,
            f"{one.low:g} to {one.high:g}",
            one.decimals,
            one.title,
            one.title_vi,
        )
        for one in QUANTITIES.values()
    )
    head = ("quantity", "unit", "kind", "possible", "decimals", "title", "tên")
    return f"# Quantities\n\n{MADE}{table(head, rows)}"


def drivers() -> str:
    """What is shipped, as it is without options."""

    def rows() -> Iterator[Sequence[object]]:
        for name, make in sorted(SHIPPED.items()):
            try:
                driver: Driver = make({})
            except ValueError as error:
                yield f"`{name}`", "", "", "", f"needs options: {error}"
                continue
            how = "polled" if driver.requests else "streams"
            reported = ", ".join(f"`{one}`" for one in driver.quantities) or "as its options say"
            yield f"`{name}`", driver.baud, extras(driver).line, how, reported

    return f"# Drivers\n\n{MADE}{table(('protocol', 'baud', 'line', 'how', 'reports'), rows())}"


def commands() -> str:
    """Every command with its options."""
    from halong.__main__ import app

    parts = ["# Commands\n\n", MADE, f"A time is {TIME}.\n\n"]
    for name, command in _walk(get_command(app), "halong"):
        said = " ".join((command.help or "").split())
        parts.append(f"## `{name}`\n\n{said}\n\n")
        given = [
            (_names(one), getattr(one, "help", "") or "") for one in command.params if one.name != "help"
        ]
        if given:
            parts.append(table(("argument", "what it is"), iter(given)) + "\n")
    return "".join(parts).rstrip() + "\n"


def _walk(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    inner = getattr(command, "commands", None)
    if inner is None:
        yield name, command
        return
    for word, one in sorted(inner.items()):
        yield from _walk(one, f"{name} {word}")


def _names(parameter: click.Parameter) -> str:
    if parameter.param_type_name == "argument":
        return f"`{(parameter.metavar or parameter.name or '').upper()}`"
    return ", ".join(f"`{one}`" for one in parameter.opts)


def metrics() -> str:
    """What Prometheus finds."""
    parts = [
        "# Metrics\n\n",
        MADE,
        "How to have them, and what goes to Grafana: [metrics](../metrics.md).\n\n",
    ]
    parts += ["## The agent\n\n", table(HEAD, of_the_agent()), "\n"]
    parts += ["## The hub\n\n", table(HEAD, of_the_hub())]
    return "".join(parts)


def pages() -> dict[str, str]:
    """Every page by its file name."""
    return {
        "configuration.md": configuration(),
        "quantities.md": quantities(),
        "drivers.md": drivers(),
        "commands.md": commands(),
        "metrics.md": metrics(),
    }


def main(arguments: Sequence[str]) -> int:
    """Write the pages, or with --check name those that differ; 1 when one does."""
    made = pages()
    if arguments == ["--check"]:
        different = [
            name
            for name, text in made.items()
            if not (PAGES / name).exists() or (PAGES / name).read_text(encoding="utf-8") != text
        ]
        for name in different:
            print(f"docs/reference/{name} is not what the code makes: run python -m halong.reference")
        return int(bool(different))
    PAGES.mkdir(parents=True, exist_ok=True)
    for name, text in made.items():
        (PAGES / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
