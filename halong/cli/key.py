"""`halong key`: API keys of a hub, made and ended beside it. They work at once, the hub need not stop."""

from typing import Annotated

import msgspec
import typer

from halong.cli.records import DATA, AsJson, Data, now_ms, opened, print_json, shown, who
from halong.console import fail, seconds
from halong.keys import new_key
from storage.keys import KeyRow, Keys, Role, read_key
from telemetry.inventory import check_id

NAME_CHARACTERS = 60

app = typer.Typer(
    no_args_is_help=True,
    help="API keys: who may read, acknowledge or administer, and of which sites. Only hashes are kept.",
)


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
    expires_ms = now_ms() + round(1000 * seconds(expires, "--expires")) if expires is not None else None
    text = new_key()
    with opened(data, new=True) as book:
        row = Keys(book).add(
            text, name.strip(), role, sites, by=who(), now_ms=now_ms(), expires_ms=expires_ms
        )
    if as_json:
        print_json({"key": text, "id": row.id, "role": role, "sites": sites})
    else:
        print(text)


@app.command("list")
def list_keys(data: Data = DATA, as_json: AsJson = False) -> None:
    """Every key that was ever made, without its secret."""
    with opened(data) as book:
        rows = Keys(book).made()
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
        return f"revoked {shown(row.revoked_ms)[:10]}"
    if row.expires_ms is None:
        return "works"
    return f"{'expired' if row.expires_ms <= now_ms() else 'until'} {shown(row.expires_ms)[:10]}"


@app.command()
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="The key's id, from `halong key list`.")],
    data: Data = DATA,
) -> None:
    """End a key at once. It stays in the list."""
    found = read_key(key_id)
    with opened(data) as book:
        done = Keys(book).revoke(found[0] if found else key_id, who(), now_ms())
    if not done:
        raise fail("no key with this id works; `halong key list` shows them")
