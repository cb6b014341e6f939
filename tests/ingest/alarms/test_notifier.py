"""To people, over real sockets: each state under one key, in order, none missing, whatever the other side does."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from random import Random
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest

from ingest.account import Account
from ingest.alarms.channels import Channel, NotSentError, build
from ingest.alarms.notifier import GIVE_UP_MS, Heartbeat, Notifier, heartbeat
from ingest.alarms.settings import AlarmSettings, ChannelSettings, HeartbeatSettings
from runtime.mqtt import BrokerUrl, Connection, keep_connected
from storage import outbox
from storage.book import Book
from storage.outbox import Notice
from telemetry.alarm import Alarm
from telemetry.anomaly import Severity
from tests.ingest.alarms.receivers import post, receiving
from tests.ingest.alarms.test_grouping import T
from tests.ingest.alarms.test_routing import acknowledged, alarm, closed


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Book]:
    with Book(tmp_path / "book.sqlite") as opened:
        yield opened


def channel(environment: dict[str, str] | None = None, **settings: object) -> Channel:
    wanted = ChannelSettings(**{"name": "ops", "kind": "webhook", **settings})
    return build(AlarmSettings((wanted,)), environment or {})[0]


def states(one: Alarm) -> list[tuple[Alarm, str]]:
    return [(one, "open"), (acknowledged(one), "acknowledged"), (closed(acknowledged(one)), "closed")]


def write(book: Book, told: list[tuple[Alarm, str]], channel: str = "ops", now_ms: int = T) -> None:
    with book.writing() as database:
        outbox.put(database, [Notice(one, channel, state) for one, state in told], now_ms)


def left(book: Book, channel: str = "ops") -> int:
    with book.reading() as database:
        return outbox.waiting(database, [channel])


async def run_until_sent(book: Book, channels: list[Channel], *, first_s: float = 0.002) -> Account:
    loop = asyncio.get_running_loop()
    begin = loop.time()
    account = Account()
    notifier = Notifier(
        book,
        channels,
        account,
        clock=lambda: T + round(1000 * (loop.time() - begin)),
        rng=Random(1),
        first_s=first_s,
        look_s=0.01,
    )
    task = asyncio.create_task(notifier.run())
    async with asyncio.timeout(30):
        while any(left(book, one.route.channel) for one in channels):
            await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return account


async def test_a_receiver_that_fails_and_loses_answers_sees_each_state_once_by_its_key_in_order(
    book: Book,
) -> None:
    alarms = [msgspec.structs.replace(alarm(), id=f"a{number}") for number in range(4)]
    for step in range(3):
        write(book, [states(one)[step] for one in alarms])
    write(book, [states(alarms[0])[0]])  # written down twice, as after a crash: it is there already
    rng = Random(7)
    async with receiving() as receiver:
        receiver.bad = [rng.choice([500, 0, 503, 0, 429, 200]) for _ in range(24)]
        failures = sum(status != 200 for status in receiver.bad)
        account = await run_until_sent(book, [channel(url=receiver.url)])
    for one in alarms:
        mine = [key for key in receiver.states() if key.startswith(f"{one.id}-")]
        assert mine == [f"{one.id}-{state}" for state in ("open", "acknowledged", "closed")]
        taken = [key for key in receiver.taken if key.startswith(f"{one.id}-")]
        assert taken == sorted(taken, key=mine.index)  # never an older state after a newer one
    assert len(receiver.states()) == account.notices_sent == 12
    assert len(receiver.taken) > 12  # what was taken and not answered came again, under its key
    assert account.notices_failed == failures - sum(status != 200 for status in receiver.bad)
    assert all(headers["Idempotency-Key"] == body["key"] for headers, body, _ in receiver.requests)


async def test_another_life_sends_what_the_one_before_could_not(book: Book) -> None:
    write(book, states(alarm()))
    async with receiving() as gone:
        address = gone.url
    ops = channel(url=address)
    with pytest.raises(NotSentError, match=r"at 127\.0\.0\.1$"):
        await ops.send(Notice(alarm(), "ops", "open"))
    async with receiving(int(address.rpartition(":")[2].partition("/")[0])) as receiver:
        await run_until_sent(book, [ops])
    assert [body["state"] for _, body, _ in receiver.requests] == ["open", "acknowledged", "closed"]
    first = receiver.requests[0][1]
    assert msgspec.convert(first["alarm"], Alarm) == alarm()
    assert (first["title"], first["text"]) == ("[cảnh báo, mới] bai-chay", "pm25-1: spike vi.")


async def test_an_alarm_that_is_refused_holds_up_no_other_and_is_given_up_after_a_day(book: Book) -> None:
    bad, good = (msgspec.structs.replace(alarm(), id=name) for name in ("abad", "agood"))
    write(book, [(bad, "open"), (bad, "closed")], now_ms=T - GIVE_UP_MS)
    write(book, [(good, "open")])
    async with receiving() as receiver:
        receiver.bad = [400]
        account = await run_until_sent(book, [channel(url=receiver.url)])
    assert (account.notices_given_up, account.notices_sent) == (1, 2)
    assert receiver.taken == ["abad-closed", "agood-open"]
    with book.reading() as database:
        rows = database.execute("SELECT state, error FROM outbox WHERE error != ''").fetchall()
    assert rows == [("open", "HTTP 400 go away")]


async def test_a_secret_is_a_bearer_token_and_is_told_nowhere_else(book: Book) -> None:
    async with receiving() as receiver:
        ops = channel({"OPS": "s3cret"}, url=receiver.url, secret_env="OPS")
        receiver.bad = [500]
        with pytest.raises(NotSentError) as refused:
            await ops.send(Notice(alarm(), "ops", "open"))
        assert "s3cret" not in str(refused.value)
        await ops.send(Notice(alarm(), "ops", "open"))
    assert [headers["Authorization"] for headers, _, _ in receiver.requests] == ["Bearer s3cret"] * 2
    assert all("s3cret" not in json.dumps(body) for _, body, _ in receiver.requests)


async def test_a_template_fills_address_headers_and_body(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("123:abc\n")
    one = msgspec.structs.replace(alarm(), text='He said "no"\nand left.')
    async with receiving() as receiver:
        telegram = channel(
            kind="http",
            language="en",
            url=receiver.url.replace("/hook", "/bot${secret}/send?site=${site}&t=${title}"),
            secret_file=str(tmp_path / "token"),
            headers={"X-State": "${state} ${text}"},
            body='{"chat_id": "7", "text": "${title}: ${text}", "since": "${start}"}',
        )
        await telegram.send(Notice(one, "ops", "open"))
    ((headers, body, path),) = receiver.requests
    assert urlsplit(path).path == "/bot123:abc/send"
    assert parse_qs(urlsplit(path).query) == {"site": ["bai-chay"], "t": ["[warning, new] bai-chay"]}
    assert body == {
        "chat_id": "7",
        "text": '[warning, new] bai-chay: He said "no"\nand left.',
        "since": "2026-11-23T08:00:00+07:00",
    }
    assert headers["X-State"] == 'open He said "no" and left.'


async def test_letters_through_a_real_mail_server(book: Book) -> None:
    with post() as box:
        box.bad = ["451 come back later", "550 not you"]
        mail = channel(
            kind="email",
            smtp=box.url,
            sender="Hạ Long <hub@halong.example>",
            recipients=("lan@x.vn", "m@x.vn"),
        )
        write(book, states(alarm()))
        account = await run_until_sent(book, [mail])
    assert (account.notices_failed, account.notices_sent) == (2, 3)
    assert [recipients for recipients, _ in box.letters] == [["lan@x.vn", "m@x.vn"]] * 3
    opened, taken, ended = (letter for _, letter in box.letters)
    assert opened["Subject"] == "[cảnh báo, mới] bai-chay"
    assert taken["Subject"] == "[cảnh báo, đã xác nhận] bai-chay"
    assert opened["Message-ID"] == f"<{alarm().id}-open@halong.example>"
    assert taken["In-Reply-To"] == ended["In-Reply-To"] == opened["Message-ID"]
    assert opened.get_content().splitlines()[:3] == ["pm25-1: spike vi.", "", "sensors: pm25-1"]
    assert "đã xác nhận: Lan." in taken.get_content()


async def test_a_mail_server_that_is_away_is_told_in_one_line() -> None:
    with post() as box:
        address = box.url
    mail = channel(kind="email", smtp=address, sender="hub@halong.example", recipients=("lan@x.vn",))
    with pytest.raises(NotSentError, match=r"^SMTPConnectError: "):
        await mail.send(Notice(alarm(), "ops", "open"))


async def test_over_mqtt(mosquitto_url: str) -> None:
    heard: list[bytes] = []
    ready = asyncio.Event()

    async def listen(connection: Connection) -> None:
        ready.set()
        async for message in connection.messages():
            heard.append(message.payload)
            return

    listening = asyncio.create_task(
        keep_connected(
            BrokerUrl.parse(mosquitto_url), "people", listen, subscriptions=["city/alarms"], rng=Random(1)
        )
    )
    async with asyncio.timeout(10):
        await ready.wait()
        await channel(kind="mqtt", url=mosquitto_url, topic="city/alarms").send(
            Notice(alarm(Severity.CRITICAL), "ops", "open")
        )
        await listening
    (message,) = map(json.loads, heard)
    assert (message["key"], message["alarm"]["severity"]) == (f"{alarm().id}-open", "critical")


async def test_the_heartbeat_says_that_the_hub_lives() -> None:
    async with receiving() as receiver:
        wanted = HeartbeatSettings(url=receiver.url + "/${secret}", secret_env="BEAT", every_s=0.01)
        receiver.bad = [500, 0]
        beat: Heartbeat = heartbeat(
            AlarmSettings(heartbeat=wanted),
            {"BEAT": "id-7"},
            clock=lambda: T,
            state=lambda: {"broker": True, "store": False},
        )
        task = asyncio.create_task(beat.run())
        async with asyncio.timeout(10):
            while beat.beats_sent < 2:
                await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert beat.beats_failed == 2
    _, body, path = receiver.requests[-1]
    assert (body, path) == ({"time": T, "ready": {"broker": True, "store": False}}, "/hook/id-7")
