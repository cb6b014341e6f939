"""`halong key`: API keys of a hub, made and ended beside it. They work at once, the hub need not stop."""

import getpass
import json
import secrets
import time
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from halong.console import fail, seconds
from storage.book import Book, BookUnavailableError
from storage.keys import KeyRow, Keys, Role, read_key, write_key
from telemetry.inventory import check_id

NAME_CHARACTERS = 60

app = typer.Typer(
    no_args_is_help=True,
    help="API keys: who may read, acknowledge or administer, and of which sites. Only hashes are kept.",
)
Data = Annotated[Path, typer.Option(help="The hub's data directory (`data` in its configuration).")]
AsJson = Annotated[bool, typer.Option("--json", help="As JSON.")]
DATA = Path("halong-data")


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _who() -> str:
    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError):
        return "cli"


def _book(data: Path) -> AbstractContextManager[Book]:
    if not data.is_dir():
        raise fail(f"there is no directory {data}: give the hub's with --data", 2)
    return Book(data / "book.sqlite")


def make_key(
    book: Book, name: str, role: Role, *, sites: tuple[str, ...] = (), expires_ms: int | None = None, by: str
) -> str:
    """A new key in the book; its text is nowhere else."""
    text = write_key(secrets.token_hex(6), secrets.token_urlsafe(32))
    found = read_key(text)
    if found is None:
        raise ValueError("the key just made cannot be read")
    key_id, digest = found
    Keys(book).add(KeyRow(key_id, name, role, sites, _now_ms(), by, expires_ms, None), digest)
    return text


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Who it is for: shown in the list and the audit record.")],
    role: Annotated[
        Role,
        typer.Option(
            help="viewer reads; operator also acknowledges and corrects; admin also sees keys and audit."
        ),
    ] = Role.VIEWER,
    site: Annotated[
        list[str] | None, typer.Option(help="Only this site; repeatable. Default: the whole city.")
    ] = None,
    expires: Annotated[str | None, typer.Option(help="Ends by itself after so long: 12h, 90d.")] = None,
    data: Data = DATA,
    as_json: AsJson = False,
) -> None:
    """Make a key and print it, once: it is kept only as a hash."""
    if not name.strip() or len(name) > NAME_CHARACTERS or not name.isprintable():
        raise fail(f"the name must be 1 to {NAME_CHARACTERS} printable characters", 2)
    try:
        sites = tuple(sorted({check_id(one) for one in site or ()}))
    except ValueError as error:
        raise fail(f"--site: {error}", 2) from None
    expires_ms = _now_ms() + round(1000 * seconds(expires, "--expires")) if expires is not None else None
    try:
        with _book(data) as book:
            text = make_key(book, name.strip(), role, sites=sites, expires_ms=expires_ms, by=_who())
    except BookUnavailableError as error:
        raise fail(str(error)) from None
    print(
        json.dumps({"key": text, "id": text.split("_")[1], "role": role, "sites": sites}) if as_json else text
    )


@app.command("list")
def list_keys(data: Data = DATA, as_json: AsJson = False) -> None:
    """Every key that was ever made, without its secret."""
    try:
        with _book(data) as book:
            rows = Keys(book).made()
    except BookUnavailableError as error:
        raise fail(str(error)) from None
    if as_json:
        print(msgspec.json.encode(rows).decode())
        return
    for row in rows:
        print(
            f"{row.id}  {row.role:8}  {_state(row):18}  {','.join(row.sites) or 'all sites':20}  {row.name}"
        )
    if not rows:
        print("no keys; `halong key create NAME --role operator` makes one")


def _state(row: KeyRow) -> str:
    if row.revoked_ms is not None:
        return f"revoked {_day(row.revoked_ms)}"
    if row.expires_ms is None:
        return "works"
    return f"{'expired' if row.expires_ms <= _now_ms() else 'until'} {_day(row.expires_ms)}"


def _day(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).date().isoformat()


@app.command()
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="The key's id, from `halong key list`.")],
    data: Data = DATA,
) -> None:
    """End a key at once. It stays in the list."""
    found = read_key(key_id)
    try:
        with _book(data) as book:
            done = Keys(book).revoke(found[0] if found else key_id, _who(), _now_ms())
    except BookUnavailableError as error:
        raise fail(str(error)) from None
    if not done:
        raise fail("no key with this id works; `halong key list` shows them")
