"""Time from end to end: real agents on hosts without a clock, and the real ingest over a real store and book."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from pathlib import Path
from random import Random
from uuid import uuid4

from edge.settings import (
    BrokerSettings,
    ClockSettings,
    EdgeConfig,
    JournalSettings,
    SerialDevice,
    Trust,
)
from halong.account import compare
from halong.pairing import Sequences
from halong.sets import read_accepted
from ingest.pipeline import Pipeline
from runtime.mqtt import BrokerUrl
from storage.book import Book
from storage.embedded import EmbeddedStore
from telemetry.inventory import Site
from telemetry.quarantine import Reason
from telemetry.reading import Reading
from tests.peers import SETTLE_S, Host, agent, now_ms, speed
from tests.waiting import until

PATIENCE_S = 40.0
DAY_MS = 86_400_000
Y1970 = 3_000


class Hub:
    """The real pipeline over a real store, with a wall clock that can be wrong."""

    def __init__(self, directory: Path, url: str, root: str) -> None:
        self.store = EmbeddedStore(directory / "store.duckdb", clock=self.now_ms)
        self.book = Book(directory / "book.sqlite")
        self._url, self._root = url, root
        self.ahead_ms = 0

    def now_ms(self) -> int:
        return now_ms() + self.ahead_ms

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Pipeline]:
        with self.book:
            await self.store.open()
            pipeline = Pipeline(
                store=self.store,
                book=self.book,
                broker=BrokerUrl.parse(self._url),
                root=self._root,
                clock=self.now_ms,
                rng=Random(1),
                on_stored=lambda readings: None,
                on_anomaly=lambda anomaly: None,
                on_alarm=lambda alarm: None,
                trace=None,
            )
            task = asyncio.create_task(pipeline.run())
            await until(lambda: pipeline.ready()["broker"])
            try:
                yield pipeline
            finally:
                task.cancel()
                await asyncio.wait([task])
                await self.store.close()

    async def stored(self) -> list[Reading]:
        found = [one async for batch in self.store.scan(0, 2**52) for one in batch]
        return sorted(found, key=lambda reading: reading.observed_at)


class Radar:
    """A device on a pty that says speeds; it remembers when."""

    def __init__(self, link: Path) -> None:
        ours, theirs = os.openpty()
        link.symlink_to(os.ttyname(theirs))
        self._port, self._theirs = ours, theirs
        self.said: dict[float, int] = {}

    def say(self, *speeds: float) -> None:
        for value in speeds:
            self.said[value] = now_ms()
            os.write(self._port, speed(value))

    def close(self) -> None:
        os.close(self._port)
        os.close(self._theirs)


def gateway(directory: Path, name: str, url: str, root: str, trust: Trust = Trust.LADDER) -> EdgeConfig:
    device = SerialDevice(
        path=str(directory / f"{name}-radar"), protocol="ops243", sensor=f"{name}-radar", period_s=0
    )
    return EdgeConfig(
        gateway=name,
        site=Site(f"{name}-site", name, 20.9, 107.0),
        broker=BrokerSettings(url=url, root=root),
        journal=JournalSettings(path=str(directory / f"{name}.db"), commit_ms=20),
        clock=ClockSettings(trust=trust),
        serial=(device,),
    )


async def test_a_gateway_without_a_clock_gets_the_hubs_time_and_its_lost_boot_is_accounted_for(
    tmp_path: Path, mosquitto_url: str
) -> None:
    root = f"test-{uuid4().hex}"
    config = gateway(tmp_path, "gw-1", mosquitto_url, root)
    journal = Path(config.journal.path)
    hub = Hub(tmp_path, mosquitto_url, root)
    with closing(Radar(tmp_path / "gw-1-radar")) as radar:
        lost = Host(Y1970)
        async with agent(config, lost, settle_s=SETTLE_S):  # no hub, and then the power goes
            radar.say(30.5, 31.5)
            await until(lambda: len(read_accepted({"gw-1": journal}).timeless) == 2)
        async with hub.running(), agent(config, Host(Y1970), settle_s=SETTLE_S):
            radar.say(32.5)
            await until(lambda: hub.book.quarantined(10))
            await until(lambda: read_accepted({"gw-1": journal}).waiting == 0)
            radar.say(33.5)
            await until(lambda: len(read_accepted({"gw-1": journal}).readings) == 2)
            async with asyncio.timeout(PATIENCE_S):
                while len(stored := await hub.stored()) < 2:
                    await asyncio.sleep(0.05)
            (row,) = hub.book.quarantined(10)
            known = hub.book.gateways()[0].state
    assert [reading.value for reading in stored] == [32.5, 33.5]
    assert all(abs(reading.observed_at - radar.said[reading.value]) < 1_000 for reading in stored)
    assert (row.reason, row.gateway) == (Reason.UNDATABLE, "gw-1")
    assert row.detail.startswith("2 readings of gw-1-radar, taken between 2025-01-01T")
    assert lost.boot_id in row.detail
    assert known is not None
    assert known.clock is not None
    emitted = Sequences()
    for value, at in radar.said.items():
        emitted.add("gw-1-radar", "vehicle_speed", at, value)
    kept = Sequences()
    for reading in stored:
        kept.add(*reading.key, reading.value)
    accepted = read_accepted({"gw-1": journal})
    account = compare(emitted, accepted.readings, kept, periods_s={}, timeless=accepted.timeless)
    assert (account.emitted, account.accepted, account.stored) == (4, 2, 2)
    assert account.causes == {"undatable": 2}
    assert account.balanced


async def test_a_hub_with_a_wrong_clock_keeps_nothing_and_loses_nothing(
    tmp_path: Path, mosquitto_url: str
) -> None:
    root = f"test-{uuid4().hex}"
    hub = Hub(tmp_path, mosquitto_url, root)
    names = ["gw-1", "gw-2", "gw-3"]
    async with AsyncExitStack() as stack:
        radars = [stack.enter_context(closing(Radar(tmp_path / f"{name}-radar"))) for name in names]
        for name in names:
            host = Host(0)
            host.system_ms = now_ms() - host.uptime_ms()
            config = gateway(tmp_path, name, mosquitto_url, root, Trust.SYSTEM)
            await stack.enter_async_context(agent(config, host, settle_s=SETTLE_S))
        hub.ahead_ms = -100 * DAY_MS
        async with hub.running() as pipeline:
            for radar in radars:
                radar.say(30.5, 31.5)
            await until(lambda: not pipeline.ready()["clock"])
            for radar in radars:
                radar.say(32.5)
            await asyncio.sleep(2.0)
            assert await hub.stored() == []
            assert hub.book.quarantined(10) == []
            hub.ahead_ms = 0
            await until(lambda: pipeline.ready()["clock"])
            journals = {name: tmp_path / f"{name}.db" for name in names}
            await until(lambda: len(read_accepted(journals).readings) == 9)
            await until(lambda: read_accepted(journals).waiting == 0)
            assert hub.book.quarantined(10) == []
            stored = await hub.stored()
            assert pipeline.account.balanced
    assert sorted(reading.value for reading in stored) == sorted([30.5, 31.5, 32.5] * 3)
