"""`halong alarm …`: open alarms, who looks after them, what is muted, where work goes on, and whether channels work."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import msgspec
import typer

from halong.cli.channels import try_channels
from halong.cli.records import DATA, AsJson, Data, now_ms, opened, print_json, print_table, shown, who
from halong.cli.remote import Remote, Url
from halong.console import TIME, fail, instant_ms, seconds
from storage import alarms as page
from storage import quiet
from storage.book import Book
from storage.notes import Note, Notes, TooManyNotesError
from storage.quiet import Maintenance, Mute, Verdict
from telemetry.alarm import Alarm, AlarmFamily, AlarmState
from telemetry.anomaly import Severity
from telemetry.names import did_you_mean
from telemetry.times import read, rfc3339

app = typer.Typer(
    no_args_is_help=True,
    help="What people are called for: list, acknowledge, mute, announce maintenance, try the channels"
    " (docs/alarms.md). Beside the hub's files (--data), or from anywhere by its API (--url); it takes it up within a second.",
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
    url: Url = None,
) -> None:
    """Alarms that are open or acknowledged, newest first."""
    states = () if every else (AlarmState.OPEN, AlarmState.ACKNOWLEDGED)
    if url is not None:
        query = {"state": states, "family": family, "severity": severity, "site": site}
        items = Remote(url).listed("/v1/alarms", limit, **query)["items"]
    else:
        with opened(data) as book:
            if site is not None:
                _known(book, site, "")
            with book.reading() as database:
                found = page.listed(
                    database,
                    states=states,
                    families=(family,) if family else (),
                    severities=(severity,) if severity else (),
                    site=site,
                    limit=limit,
                )
        items = [msgspec.to_builtins(one) for one in found]
    if as_json:
        print_json({"items": items})
        return
    print_table(
        ("id", "since", "state", "severity", "family", "site", "text"),
        [
            (a["id"], shown(a["start_ms"]), _state(a), a["severity"], a["family"], a["site"], a["text"])
            for a in items
        ],
    )


def _state(alarm: Mapping[str, Any]) -> str:
    taken = alarm.get("acknowledged") or {}
    by = taken.get("who") or alarm.get("acknowledged_by")
    return f"{alarm['state']} ({by})" if by else str(alarm["state"])


@app.command()
def ack(
    alarm: AlarmId,
    data: Data = DATA,
    comment: Annotated[str, typer.Option(help="What you do about it.")] = "",
    url: Url = None,
) -> None:
    """Say that you look after it: everybody who was told is told that, and nobody is called by an escalation."""
    if url is not None:
        taken = Remote(url).post(_path(alarm, "acknowledge"), {"comment": comment.strip()})
        print(f"acknowledged: {taken['text']}")
        return
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
    url: Url = None,
) -> None:
    """Say that it was none: it ends, and its patterns (sensor, quantity, kind) raise no alarm for a time."""
    lasts_s = seconds(for_)
    if url is not None:
        asked = {"verdict": verdict, "hours": lasts_s / 3600, "reason": reason}
        answer = Remote(url).post(_path(alarm, "mute"), asked)
        _show_mutes([_mute(one) for one in answer["items"]], as_json)
        return
    until_ms = now_ms() + round(1000 * lasts_s)
    with opened(data) as book:
        found = _alarm(book, alarm)
        with book.writing() as database:
            muted = quiet.mute_alarm(
                database, found, verdict, until_ms=until_ms, reason=reason, who=who(), now_ms=now_ms()
            )
    _show_mutes(muted, as_json)


@app.command()
def mutes(data: Data = DATA, every: Every = False, as_json: AsJson = False, url: Url = None) -> None:
    """Patterns that raise no alarm."""
    if url is not None:
        found = [_mute(one) for one in Remote(url).get("/v1/mutes", ended=every)["items"]]
    else:
        with opened(data) as book, book.reading() as database:
            found = quiet.mutes(database, None if every else now_ms())
    _show_mutes(found, as_json)


@app.command()
def unmute(
    number: Annotated[int, typer.Argument(metavar="ID", help="Its number, from `mutes`.")],
    data: Data = DATA,
    url: Url = None,
) -> None:
    """Take a mute back: what happens from now on raises alarms again."""
    if url is not None:
        found: Mute | None = _mute(Remote(url).delete(f"/v1/mutes/{number}"))
    else:
        with opened(data) as book, book.writing() as database:
            found = quiet.unmute(database, number, who=who(), now_ms=now_ms())
    if found is None:
        raise fail(f"no mute {number} works now; `halong alarm mutes` shows them")
    print(f"not muted any more: {found.sensor} {found.quantity} {found.kind}".rstrip())


def _path(alarm: str, action: str) -> str:
    return f"/v1/alarms/{quote(alarm, safe='')}/{action}"


def _mute(one: Mapping[str, Any]) -> Mute:
    """From the API's words."""
    times = {f"{name}_ms": _ms(one[name]) for name in ("noted", "until", "ended")}
    words = {name: one[name] or "" for name in ("sensor", "quantity", "kind", "reason", "who")}
    return msgspec.convert(
        {**times, **words, "id": one["id"], "verdict": one["verdict"], "ended_by": one["ended_by"]}, Mute
    )


def _work(one: Mapping[str, Any]) -> Maintenance:
    """From the API's words."""
    times = {f"{name}_ms": _ms(one[name]) for name in ("start", "end", "noted", "ended")}
    words = {name: one[name] or "" for name in ("site", "sensor", "reason", "who")}
    return msgspec.convert({**times, **words, "id": one["id"], "ended_by": one["ended_by"]}, Maintenance)


def _ms(text: str | None) -> int | None:
    return read(text) if text is not None else None


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
    from_: Annotated[str | None, typer.Option("--from", help=f"Since when; default: now. {TIME}.")] = None,
    for_: Annotated[str, typer.Option("--for", help="How long: 2h, 1d.")] = "2h",
    reason: Annotated[str, typer.Option("--reason", help="What is done: it is kept with your name.")] = "",
    done: Annotated[int | None, typer.Option(metavar="ID", help="The work with this number is done.")] = None,
    every: Every = False,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Announce work (--site or --sensor), end it (--done), or list it. Meanwhile nobody is called for what begins there."""
    if site is not None and sensor is not None:
        raise fail("give --site or --sensor, not both", 2)
    new: Maintenance | None = None
    if site is not None or sensor is not None:
        if not reason.strip():
            raise fail("--reason says what is done there", 2)
        start_ms = instant_ms(from_, "--from") if from_ is not None else now_ms()
        end_ms = start_ms + round(1000 * seconds(for_))
        new = Maintenance(0, site or "", sensor or "", start_ms, end_ms, reason.strip(), who(), now_ms())
    found = (
        _works_there(Remote(url), new, done, every=every)
        if url is not None
        else _works_here(data, new, done, every=every)
    )
    if as_json:
        print_json({"items": [msgspec.to_builtins(one) for one in found]})
        return
    rows = [
        (w.id, w.site or w.sensor, shown(w.start_ms), shown(w.ended_ms or w.end_ms), w.who, w.reason)
        for w in found
    ]
    print_table(("id", "where", "from", "to", "who", "reason"), rows)


def _works_here(data: Path, new: Maintenance | None, done: int | None, *, every: bool) -> list[Maintenance]:
    with opened(data) as book:
        if new is not None:
            _known(book, new.site, new.sensor)
        with book.writing() as database:
            if new is not None:
                quiet.begin(database, new)
            if done is not None and quiet.finish(database, done, who=who(), now_ms=now_ms()) is None:
                raise fail(f"no work {done} goes on or is to come; `halong alarm maintenance` shows it")
            return quiet.works(database, None if every else now_ms())


def _works_there(hub: Remote, new: Maintenance | None, done: int | None, *, every: bool) -> list[Maintenance]:
    if new is not None:
        place = {"site": new.site or None, "sensor": new.sensor or None, "reason": new.reason}
        hub.post("/v1/maintenance", place | {"start": rfc3339(new.start_ms), "end": rfc3339(new.end_ms)})
    if done is not None:
        hub.delete(f"/v1/maintenance/{done}")
    return [_work(one) for one in hub.get("/v1/maintenance", ended=every)["items"]]


def _known(book: Book, site: str, sensor: str) -> None:
    names = [one.id for one in book.sites()]
    if not site:
        names = [row.id for row in book.sensors()] + [row.id for row in book.gateways()]
    if (name := site or sensor) not in names:
        raise fail(f"nobody has heard of {name!r}; {did_you_mean(name, names)}", 2)


app.command("test")(try_channels)
