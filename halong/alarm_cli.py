"""`halong alarm …`: open alarms, who looks after them, what is muted, where work goes on, and whether channels work."""

import asyncio
import os
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from halong.console import fail, load, near, seconds
from halong.records import (
    DATA,
    AsJson,
    Data,
    moment,
    now_ms,
    opened,
    print_json,
    print_table,
    rfc3339,
    shown,
    who,
)
from storage import alarms as page
from storage import quiet
from storage.book import Book
from storage.notes import Note, Notes, TooManyNotesError
from storage.quiet import Maintenance, Mute, Verdict
from telemetry.alarm import Alarm, AlarmFamily, AlarmState, family_of
from telemetry.anomaly import AnomalyKind, Severity

app = typer.Typer(
    no_args_is_help=True,
    help="What people are called for: list, acknowledge, mute, announce maintenance, try the channels"
    " (docs/alarms.md). Works beside the hub, which takes it up within a second.",
)
AlarmId = Annotated[str, typer.Argument(metavar="ALARM", help="Its id, as `list` shows it.")]
Reason = Annotated[str, typer.Option("--reason", help="Why: it is kept with your name.")]
Every = Annotated[bool, typer.Option("--all", help="Also what is over.")]


def _alarm(book: Book, alarm_id: str) -> Alarm:
    with book.reading() as database:
        found = page.find(database, alarm_id)
    if found is None:
        raise fail(f"no alarm {alarm_id!r}; `halong alarm list --all` shows them")
    return found


@app.command("list")
def list_(
    data: Data = DATA,
    every: Annotated[bool, typer.Option("--all", help="Also closed ones.")] = False,
    family: Annotated[AlarmFamily | None, typer.Option(help="health or city.")] = None,
    severity: Annotated[Severity | None, typer.Option(help="Only this one.")] = None,
    site: Annotated[str | None, typer.Option(help="Only this site.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many, newest first.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Alarms that are open or acknowledged, newest first."""
    with opened(data) as book, book.reading() as database:
        found = page.listed(
            database,
            states=() if every else (AlarmState.OPEN, AlarmState.ACKNOWLEDGED),
            families=(family,) if family else (),
            severities=(severity,) if severity else (),
            site=site,
            limit=limit,
        )
    if as_json:
        print_json({"items": [msgspec.to_builtins(one) for one in found]})
        return
    print_table(
        ("id", "since", "state", "severity", "family", "site", "text"),
        [(a.id, shown(a.start_ms), _state(a), a.severity, a.family, a.site, a.text) for a in found],
    )


def _state(alarm: Alarm) -> str:
    return f"{alarm.state} ({alarm.acknowledged_by})" if alarm.acknowledged_by else alarm.state


@app.command()
def ack(
    alarm: AlarmId,
    data: Data = DATA,
    comment: Annotated[str, typer.Option(help="What you do about it.")] = "",
) -> None:
    """Say that you look after it: everybody who was told is told that, and nobody is called by an escalation."""
    with opened(data) as book:
        found = _alarm(book, alarm)
        if found.state is AlarmState.CLOSED:
            raise fail(f"alarm {alarm} is closed since {shown(found.end_ms)}")
        try:
            Notes(book).add(Note(found.id, now_ms(), who(), acknowledges=True, comment=comment.strip()))
        except TooManyNotesError:
            raise fail(f"alarm {alarm} has too many comments") from None
    print(f"acknowledged: {found.text}")


@app.command()
def mute(
    alarm: AlarmId,
    reason: Reason,
    data: Data = DATA,
    verdict: Annotated[Verdict, typer.Option(help="Why it is none.")] = Verdict.FALSE,
    for_: Annotated[str, typer.Option("--for", help="How long: 8h, 7d.")] = "1d",
    as_json: AsJson = False,
) -> None:
    """Say that it was none: it ends, and its patterns (sensor, quantity, kind) raise no alarm for a time."""
    until_ms = now_ms() + round(1000 * seconds(for_))
    with opened(data) as book:
        found = _alarm(book, alarm)
        with book.writing() as database:
            muted = quiet.mute_alarm(
                database, found, verdict, until_ms=until_ms, reason=reason, who=who(), now_ms=now_ms()
            )
    _show_mutes(muted, as_json)


@app.command()
def mutes(data: Data = DATA, every: Every = False, as_json: AsJson = False) -> None:
    """Patterns that raise no alarm."""
    with opened(data) as book, book.reading() as database:
        found = quiet.mutes(database, None if every else now_ms())
    _show_mutes(found, as_json)


@app.command()
def unmute(
    number: Annotated[int, typer.Argument(metavar="ID", help="Its number, from `mutes`.")], data: Data = DATA
) -> None:
    """Take a mute back: what happens from now on raises alarms again."""
    with opened(data) as book, book.writing() as database:
        found = quiet.unmute(database, number, who=who(), now_ms=now_ms())
    if found is None:
        raise fail(f"no mute {number} works now; `halong alarm mutes` shows them")
    print(f"not muted any more: {found.sensor} {found.quantity} {found.kind}".rstrip())


def _show_mutes(found: list[Mute], as_json: bool) -> None:
    if as_json:
        print_json({"items": [msgspec.to_builtins(one) for one in found]})
        return
    rows = [
        (m.id, m.sensor, m.quantity or "any", m.kind or "any", shown(m.until_ms), m.verdict, m.who, m.reason)
        for m in found
    ]
    print_table(("id", "sensor", "quantity", "kind", "until", "verdict", "who", "reason"), rows)


@app.command()
def maintenance(
    data: Data = DATA,
    site: Annotated[str | None, typer.Option(help="Work at this site …")] = None,
    sensor: Annotated[str | None, typer.Option(help="… or at this sensor or gateway.")] = None,
    from_: Annotated[str | None, typer.Option("--from", help="RFC 3339; default: now.")] = None,
    for_: Annotated[str, typer.Option("--for", help="How long: 2h, 1d.")] = "2h",
    reason: Annotated[str, typer.Option("--reason", help="What is done: it is kept with your name.")] = "",
    done: Annotated[int | None, typer.Option(metavar="ID", help="The work with this number is done.")] = None,
    every: Every = False,
    as_json: AsJson = False,
) -> None:
    """Announce work (--site or --sensor), end it (--done), or list it. Meanwhile nobody is called for what begins there."""
    if site is not None and sensor is not None:
        raise fail("give --site or --sensor, not both", 2)
    with opened(data) as book:
        if site is not None or sensor is not None:
            if not reason.strip():
                raise fail("--reason says what is done there", 2)
            start_ms = moment(from_, "--from") if from_ is not None else now_ms()
            end_ms = start_ms + round(1000 * seconds(for_))
            _known(book, site, sensor)
            new = Maintenance(0, site or "", sensor or "", start_ms, end_ms, reason.strip(), who(), now_ms())
            with book.writing() as database:
                quiet.begin(database, new)
        with book.writing() as database:
            if done is not None and quiet.finish(database, done, who=who(), now_ms=now_ms()) is None:
                raise fail(f"no work {done} goes on or is to come; `halong alarm maintenance` shows it")
            found = quiet.works(database, None if every else now_ms())
    if as_json:
        print_json({"items": [msgspec.to_builtins(one) for one in found]})
        return
    rows = [
        (w.id, w.site or w.sensor, shown(w.start_ms), shown(w.ended_ms or w.end_ms), w.who, w.reason)
        for w in found
    ]
    print_table(("id", "where", "from", "to", "who", "reason"), rows)


def _known(book: Book, site: str | None, sensor: str | None) -> None:
    if site is not None:
        names = [one.id for one in book.sites()]
    else:
        names = [row.id for row in book.sensors()] + [row.id for row in book.gateways()]
    name = site if site is not None else sensor
    if name is not None and name not in names:
        raise fail(f"nobody has heard of {name!r}; {near(name, names)}", 2)


@app.command("test")
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
            raise fail(f"no channel {name!r}; {near(name, names)}", 2)
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
