"""`halong ledger` and `halong gateway retire` beside a running hub, and the same over its API."""

import asyncio
import json
import time
from pathlib import Path

import msgspec
from typer.testing import CliRunner, Result

from halong.__main__ import app
from halong.hub import HubConfig
from storage.book import Book
from storage.embedded import EmbeddedStore
from telemetry import topics
from telemetry.inventory import Sensor, Site
from telemetry.manifest import Manifest
from telemetry.messages import Birth
from telemetry.packs import encode_manifests, encode_pack
from telemetry.reading import Reading
from telemetry.times import HOUR_MS
from telemetry.topics import PackName
from tests.halong.test_hub import config, now_ms, publish_raw, running  # noqa: F401  # `config` is a fixture


async def halong(*arguments: object) -> Result:
    return await asyncio.to_thread(CliRunner().invoke, app, [str(argument) for argument in arguments])


async def test_the_ledger_of_an_hour_and_a_gateway_that_will_not_come_back(config: HubConfig) -> None:  # noqa: F811
    hour_ms = now_ms() // HOUR_MS * HOUR_MS - HOUR_MS
    day = time.strftime("%Y-%m-%d", time.gmtime(hour_ms / 1000 + 7 * 3600))
    root, site = config.broker.root, Site("bai-chay", "Bãi Cháy", 20.95, 107.04)
    sensor = Sensor("pm-1", "pms5003", ("pm25",), 10.0)
    birth = Birth("gw-1", site, (sensor,), (1, 1), now_ms())
    readings = [Reading("pm-1", "pm25", hour_ms + 10_000 * n, float(n)) for n in range(300)]
    told = Manifest(
        sensor="pm-1", hour_ms=hour_ms, journal="abcd", expected=360, read=350, accepted=350, bad=2
    )
    up = [topics.up(root, site.id, PackName("gw-1", "abcd", seq)) for seq in range(2)]
    async with running(config) as get:
        await publish_raw(config, topics.birth(root, "gw-1"), msgspec.json.encode(birth), retain=True)
        await publish_raw(config, up[0], encode_pack(site.id, readings))
        await publish_raw(config, up[1], encode_manifests(site.id, [told]))
        async with asyncio.timeout(20):
            while (await get("/v1/account"))["manifests"] < 1:
                await asyncio.sleep(0.02)
        printed = await halong("ledger", "--data", config.data, "--day", day, "--json")
        # Beside the hub's log.
        (line,) = [line for line in printed.stdout.splitlines() if line.startswith("[{")]
        (row,) = [row for row in json.loads(line) if row["read"] is not None]
        assert printed.exit_code == 0
        assert (row["expected"], row["accepted"], row["stored"], row["bad"]) == (360, 350, 300, 2)
        assert (row["pending"], row["lost"], row["estimated"], row["gateway"]) == (50, 0, 0, "gw-1")
        retired = await halong("gateway", "retire", "gw-1", "--data", config.data)
        assert "gw-1 is retired since " in retired.stdout, retired.output
        printed = await halong("ledger", "--data", config.data, "--day", day)
        assert printed.exit_code == 1  # something is lost
        assert [line.split()[0] for line in printed.stdout.splitlines() if "~" in line or "%" in line] == [
            "pm-1",
            "all",
        ]
        (item,) = (await get(f"/v1/completeness?start={hour_ms}&end={hour_ms + HOUR_MS}&by=site"))["items"]
        assert (item["site"], item["lost"], item["completeness"]) == ("bai-chay", 50, 0.8333)
        unknown = await halong("gateway", "retire", "gw-9", "--data", config.data)
        assert (unknown.exit_code, unknown.stderr) == (
            1,
            "halong: no gateway 'gw-9' has ever been heard of\n",
        )


async def test_a_hub_without_sensors_and_a_sensor_that_is_none(tmp_path: Path) -> None:
    with Book(tmp_path / "book.sqlite"):
        pass
    store = EmbeddedStore(tmp_path / "store.duckdb", clock=now_ms)
    await store.open()
    await store.close()
    empty = await halong("ledger", "--data", tmp_path)
    assert (empty.exit_code, empty.stdout.splitlines()[-1].split()[:2]) == (0, ["all", "0"]), empty.output
    nobody = await halong("ledger", "--data", tmp_path, "--sensor", "pm-1")
    assert (nobody.exit_code, nobody.stderr) == (2, "halong: no sensor 'pm-1', none is known yet\n")


async def test_a_day_that_is_none_is_one_line(config: HubConfig) -> None:  # noqa: F811
    done = await halong("ledger", "--day", "yesterday")
    assert (done.exit_code, done.stderr) == (2, "halong: --day must look like 2026-11-23, not 'yesterday'\n")
