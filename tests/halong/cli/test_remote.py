"""The commands over a hub's records by its API: the same words as beside its files, under the name of the key."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
from typer.testing import CliRunner, Result

from halong.__main__ import app
from halong.hub import HubConfig
from halong.keys import new_key
from storage import alarms as page
from storage.amendments import Pages
from storage.book import Book
from storage.keys import Keys, Role
from storage.notes import Notes
from telemetry import topics
from telemetry.inventory import Sensor, Site
from telemetry.messages import Birth
from telemetry.quarantine import Reason
from telemetry.reading import Reading
from telemetry.times import HOUR_MS
from tests.api.test_alarms import HERE, SPIKE
from tests.halong.test_hub import config, now_ms, publish, publish_raw, running  # noqa: F401  # `config` is a fixture

SINCE = "2026-11-01T00:00:00+07:00"
SITE = Site("bai-chay", "Bãi Cháy", 20.95, 107.04)


class Desk:
    """Somebody at another machine, who has the hub's address and perhaps a key."""

    def __init__(self, url: str, key: str) -> None:
        self._url, self.key = url, key

    async def __call__(self, *words: object) -> Result:
        environment = {"HALONG_KEY": self.key, "HALONG_KEY_FILE": ""}
        arguments = [*map(str, words), "--url", self._url]
        return await asyncio.to_thread(CliRunner().invoke, app, arguments, env=environment)

    async def told(self, *words: object) -> Any:
        """What it prints for programs, without the log of the hub, which is in this process."""
        done = await self(*words, "--json")
        return json.loads([line for line in done.stdout.splitlines() if line.startswith(("[", "{"))][-1])


@asynccontextmanager
async def desk(config: HubConfig, role: Role = Role.OPERATOR) -> AsyncIterator[tuple[Desk, Book]]:  # noqa: F811
    """A hub with a dust sensor whose last reading is of just now."""
    root, sensor = config.broker.root, Sensor("pm-1", "pms5003", ("pm25",), 10.0)
    birth = Birth("gw-1", SITE, (sensor,), (1, 1), now_ms())
    with Book(Path(config.data) / "book.sqlite") as book:
        key = new_key()
        Keys(book).add(key, "Lan", role, by="a test", now_ms=now_ms())
        async with running(config) as get:
            await publish_raw(config, topics.birth(root, "gw-1"), msgspec.json.encode(birth), retain=True)
            await publish(config, [Reading("pm-1", "pm25", now_ms(), 20.0)], 0)
            async with asyncio.timeout(20):
                while not (await get("/v1/latest"))["items"] or not (await get("/v1/sensors"))["items"]:
                    await asyncio.sleep(0.02)
            yield Desk(config.api.url, key), book


async def test_corrections_and_invalid_periods(config: HubConfig) -> None:  # noqa: F811
    async with desk(config) as (hub, book):
        done = await hub(
            "correction", "add", "pm-1", "pm25", "--factor", "2", "--from", SINCE, "--reason", "x"
        )
        assert "correction 1 of pm-1 pm25 holds since 2026-11-01 00:00:00" in done.stdout, done.output
        (kept,) = Pages(book).corrections()
        assert kept.who.startswith("Lan")
        assert kept.correction.factor == 2
        assert "× 2 +0" in (await hub("correction", "list")).stdout
        again = await hub("correction", "add", "pm-1", "pm25", "--from", SINCE, "--reason", "x")
        assert (again.exit_code, "correction 1 holds in a part of this period" in again.stderr) == (1, True)
        assert "1 is taken back" in (await hub("correction", "remove", 1)).stdout
        assert [one["id"] for one in await hub.told("correction", "list", "--all")] == [1]
        assert await hub.told("correction", "list") == []

        done = await hub("validity", "invalidate", "pm-1", "--from", SINCE, "--reason", "fog")
        assert "period 1 of pm-1 is invalid since" in done.stdout, done.output
        (one,) = await hub.told("validity", "list")
        assert (one["reason"], one["quantity"], one["end"]) == ("fog", None, None)
        assert (await hub("validity", "undo", 1)).exit_code == 0
        assert (await hub("validity", "undo", 1)).exit_code == 1


async def test_the_quarantine(config: HubConfig) -> None:  # noqa: F811
    async with desk(config) as (hub, book):
        for value in (1, 2, 3):
            record = [
                {"bn": "pm-1/", "site": "bai-chay", "n": "pm25", "t": now_ms() / 1000 + value, "v": value}
            ]
            topic = topics.up(config.broker.root, "bai-chay", topics.PackName("gw-2", "abcd", value))
            await publish_raw(config, topic, msgspec.json.encode(record))
        async with asyncio.timeout(20):
            while len(book.quarantined(10)) < 3:
                await asyncio.sleep(0.02)
        lines = (await hub("quarantine", "list", "--limit", 2)).stdout.splitlines()
        assert [line.split()[0] for line in lines if "gw-2" in line and "belongs to" in line] == ["3", "2"]
        listed = await hub.told("quarantine", "list", "--reason", Reason.NOT_OWNER, "--gateway", "gw-2")
        assert (len(listed["items"]), listed["total"]) == (3, 3)
        assert '"v":1' in (await hub("quarantine", "show", 1)).stdout
        assert "no entry 9 in the quarantine" in (await hub("quarantine", "show", 9)).stderr
        assert "1 dismissed" in (await hub("quarantine", "dismiss", 1, "--note", "bench")).stdout
        refused = await hub("quarantine", "replay", 2)
        assert refused.exit_code == 1
        assert "2: still refused (not owner: pm-1 belongs to gw-1" in refused.stdout
        stored = await hub("quarantine", "replay", 2, 3, "--accept", "not owner")
        assert stored.exit_code == 0, stored.output
        assert "2 stored, 0 already there, 0 still refused" in stored.stdout
        assert (await hub.told("quarantine", "list"))["items"] == []


async def test_the_ledger_and_a_gateway_that_will_not_come_back(config: HubConfig) -> None:  # noqa: F811
    async with desk(config) as (hub, _):
        at_ms = now_ms()
        day = time.strftime("%Y-%m-%d", time.gmtime(at_ms / 1000 + 7 * 3600))
        rows = await hub.told("ledger", "--day", day, "--sensor", "pm-1")
        (row,) = [row for row in rows if row["stored"]]
        assert (row["sensor"], row["gateway"], row["site"], row["read"]) == ("pm-1", "gw-1", "bai-chay", None)
        assert at_ms - 2 * HOUR_MS < datetime.fromisoformat(row["hour"]).timestamp() * 1000 <= at_ms
        done = await hub("gateway", "retire", "gw-1")
        assert "gw-1 is retired since " in done.stdout, done.output
        unknown = await hub("gateway", "retire", "gw-9")
        assert (unknown.exit_code, "no gateway 'gw-9' has ever been heard of" in unknown.stderr) == (1, True)


async def test_alarms_mutes_and_maintenance(config: HubConfig) -> None:  # noqa: F811
    async with desk(config) as (hub, book):
        book.put_anomaly(SPIKE)
        with book.writing() as database:
            page.put(database, [HERE])
        (alarm,) = (await hub.told("alarm", "list"))["items"]
        assert (alarm["id"], alarm["start_ms"]) == (HERE.id, HERE.start_ms)
        assert (
            f"acknowledged: {HERE.text}" in (await hub("alarm", "ack", HERE.id, "--comment", "I go")).stdout
        )
        (note,) = Notes(book).of([HERE.id])[HERE.id]
        assert (note.comment, note.who.split()[0]) == ("I go", "Lan")
        assert f"{HERE.id} " in (await hub("alarm", "list")).stdout
        (muted,) = (await hub.told("alarm", "mute", HERE.id, "--reason", "they dig", "--for", "2h"))["items"]
        assert (muted["sensor"], muted["quantity"], muted["kind"]) == (SPIKE.sensor, "pm25", "spike")
        assert muted["until_ms"] - muted["noted_ms"] == 2 * HOUR_MS
        assert (await hub.told("alarm", "mutes"))["items"] == [muted]
        assert f"not muted any more: {SPIKE.sensor}" in (await hub("alarm", "unmute", muted["id"])).stdout
        assert (await hub("alarm", "unmute", muted["id"])).exit_code == 1
        (work,) = (await hub.told("alarm", "maintenance", "--sensor", "pm-1", "--reason", "filters"))["items"]
        assert (work["sensor"], work["site"], work["end_ms"] - work["start_ms"]) == ("pm-1", "", 2 * HOUR_MS)
        assert (
            "did you mean 'pm-1'"
            in (await hub("alarm", "maintenance", "--sensor", "pm-2", "--reason", "x")).stderr
        )
        assert (await hub.told("alarm", "maintenance", "--done", work["id"]))["items"] == []


async def test_without_the_right_key_it_is_one_line(config: HubConfig) -> None:  # noqa: F811
    async with desk(config, Role.VIEWER) as (hub, book):
        for key, status in ((hub.key, "403"), ("", "401"), ("nonsense", "401")):
            hub.key = key
            done = await hub("validity", "invalidate", "pm-1", "--from", SINCE, "--reason", "x")
            (line,) = done.stderr.splitlines()
            assert done.exit_code == 1
            assert line.startswith(f"halong: the hub refuses, {status}: "), line
            assert line.endswith("(a key goes into HALONG_KEY)")
        assert Pages(book).invalid(in_force=False) == []


def test_an_address_where_nobody_listens_and_a_key_that_cannot_be_read_are_one_line(tmp_path: Path) -> None:
    for environment, words, code in (
        ({}, "http://127.0.0.1:9 cannot be reached", 1),
        ({"HALONG_KEY_FILE": str(tmp_path / "key")}, "HALONG_KEY_FILE: cannot read", 2),
    ):
        done = CliRunner().invoke(app, ["validity", "list", "--url", "http://127.0.0.1:9"], env=environment)
        assert (done.exit_code, done.stderr.count("\n")) == (code, 1)
        assert words in done.stderr
