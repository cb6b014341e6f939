"""`halong decode`, `verify` and `resend`: what bytes mean, whether every reading is there, and how to have some again."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from halong.console import TIME, fail, instant_ms


def decode(
    protocol: Annotated[
        str, typer.Argument(help="A protocol: pms5003, sds011, modbus-rtu, nmea0183, senml-json, …")
    ],
    hex_: Annotated[
        list[str] | None, typer.Option("--hex", help="The bytes, in hexadecimal; repeatable.")
    ] = None,
    text: Annotated[list[str] | None, typer.Option(help="The bytes, as text; repeatable.")] = None,
    meta: Annotated[
        str, typer.Option(help="What else is known, as JSON: request_hex, topic, device, config, headers …")
    ] = "{}",
) -> None:
    """What these bytes mean, as JSON: verdict, decoded fields, readings; a line for each frame."""
    from edge.decode import decode_all

    if bool(hex_) == bool(text):
        raise fail("give the bytes with --hex or with --text", 2)
    try:
        pieces = [bytes.fromhex(part) for part in hex_ or ()] + [part.encode() for part in text or ()]
        known = json.loads(meta)
        if not isinstance(known, dict):
            raise fail("--meta must be a JSON object", 2)
        reports = decode_all(protocol, pieces, known)
    except json.JSONDecodeError as error:
        raise fail(f"--meta is not JSON: {error}", 2) from None
    except ValueError as error:
        raise fail(str(error), 2) from None
    for report in reports:
        answer = {"verdict": report.verdict, "decoded": report.decoded, "readings": report.readings}
        if report.reason:
            answer["reason"] = report.reason
        line = json.dumps(answer, ensure_ascii=False)
        # Half a character (a surrogate) stays escaped.
        print(line.encode("utf-8", "backslashreplace").decode())


def verify(
    record: Annotated[list[Path], typer.Option(help="What simulated devices say they sent; repeatable.")],
    store: Annotated[
        str,
        typer.Option(help="duckdb:FILE, or http://host:8086/database, user:secret in HALONG_STORE_SECRET."),
    ],
    journal: Annotated[
        list[Path] | None,
        typer.Option(help="Journals of agents; repeatable. Without: emitted against stored."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The account as JSON.")] = False,
) -> None:
    """Compare emitted, accepted and stored reading by reading. Exit 0 when the account balances."""
    from halong import storesecret
    from halong.verify import verify_files
    from runtime.config import ConfigError
    from storage.store import StoreUnavailableError

    try:
        address = storesecret.of_command(store) if store.startswith("http") else store
        account = asyncio.run(verify_files(record, address, journal or []))
    except (ConfigError, ValueError, OSError, StoreUnavailableError) as error:
        raise fail(str(error), 2) from None
    if as_json:
        print(json.dumps(account.figures, ensure_ascii=False))
    else:
        for name, value in account.figures.items():
            print(f"{name:12} {value}")
    for example in account.examples[:10]:
        print(example, file=sys.stderr)
    raise typer.Exit(0 if account.balanced else 1)


def resend(
    gateway: Annotated[str, typer.Option(help="The gateway whose journal is asked.")],
    from_: Annotated[str, typer.Option("--from", help=f"Start: {TIME}.")],
    to: Annotated[str, typer.Option(help="End, not itself included.")],
    broker: Annotated[str, typer.Option(help="The broker.")] = "mqtt://127.0.0.1:1883",
    root: Annotated[str, typer.Option(help="The topic root.")] = "halong/v1",
) -> None:
    """Ask a gateway to send a period once more: it heals a restored store, and changes nothing that is there."""
    from halong.resend import ask_resend
    from runtime import log

    log.configure(process="resend", level="error")
    start_ms, end_ms = instant_ms(from_, "--from"), instant_ms(to, "--to")
    if start_ms >= end_ms:
        raise fail("--from must be before --to", 2)
    try:
        asyncio.run(ask_resend(gateway, start_ms, end_ms, broker, root))
    except (ValueError, OSError) as error:
        raise fail(str(error), 2) from None
