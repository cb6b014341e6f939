"""`halong alarm test`: whether the channels of a configuration take an alarm."""

import asyncio
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from halong.cli.records import AsJson, now_ms, print_json
from halong.console import fail, load
from telemetry.alarm import Alarm, AlarmState, family_of
from telemetry.anomaly import AnomalyKind, Severity
from telemetry.names import did_you_mean
from telemetry.times import rfc3339


def try_channels(
    config: Annotated[Path, typer.Argument(help="The hub's TOML configuration.")],
    channel: Annotated[list[str] | None, typer.Option(help="Only this one; repeatable.")] = None,
    severity: Annotated[Severity, typer.Option(help="Of the test alarm.")] = Severity.INFO,
    as_json: AsJson = False,
) -> None:
    """Send a test alarm to every channel of the configuration, at once and past all routing. Exit 0 when all took it."""
    from halong.hub import HubConfig, check
    from ingest.alarms.channels import Channel, NotSentError, build
    from runtime.config import ConfigError
    from storage.outbox import OPEN, Notice

    settings = load(config, HubConfig, check)
    try:
        channels = build(settings.alarms, os.environ)
    except ConfigError as error:
        raise fail(str(error), 2) from None
    names = [one.route.channel for one in channels]
    for name in channel or ():
        if name not in names:
            raise fail(f"no channel {name!r}; {did_you_mean(name, names)}", 2)
    chosen = [one for one in channels if not channel or one.route.channel in channel]
    if not chosen:
        raise fail(f"{config} has no [[alarms.channels]]: docs/alarms.md shows some", 2)

    async def try_one(one: Channel) -> dict[str, Any]:
        try:
            await one.send(Notice(_sample(severity), one.route.channel, OPEN))
        except NotSentError as error:
            return {"channel": one.route.channel, "sent": False, "reason": str(error)}
        return {"channel": one.route.channel, "sent": True, "reason": ""}

    async def try_all() -> list[dict[str, Any]]:
        return list(await asyncio.gather(*map(try_one, chosen)))

    results = asyncio.run(try_all())
    if as_json:
        print_json({"items": results})
    else:
        for one in results:
            print(f"{one['channel']}: {'sent' if one['sent'] else 'NOT sent, ' + one['reason']}")
    raise typer.Exit(0 if all(one["sent"] for one in results) else 1)


def _sample(severity: Severity) -> Alarm:
    at_ms = now_ms()
    return Alarm(
        id=f"test-{at_ms}",
        group="test",
        family=family_of(AnomalyKind.GATEWAY),
        kind=AnomalyKind.GATEWAY,
        severity=severity,
        state=AlarmState.OPEN,
        site="",
        sensors=("test",),
        quantity="",
        start_ms=at_ms,
        end_ms=None,
        score=1.0,
        value=None,
        expected=None,
        low=None,
        high=None,
        text=f"Test of the alarms, {rfc3339(at_ms)}: nothing has happened.",
        text_vi=f"Thử cảnh báo, {rfc3339(at_ms)}: không có gì xảy ra.",
        anomalies=(),
        opened_ms=at_ms,
    )
