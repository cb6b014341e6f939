"""A hub's API over a real store and book, filled with a small city; no network but for the tests that want a server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import uvicorn
from fastapi import FastAPI

from api.app import Services, create
from api.gate import Access
from runtime.feed import Feed
from storage.book import Book
from storage.keys import Keys, Role, write_key
from storage.open import open_store
from storage.store import Columns
from telemetry.alarm import Alarm, AlarmFamily, AlarmState
from telemetry.anomaly import Anomaly, AnomalyKind, Severity, anomaly_id
from telemetry.inventory import Sensor, Site
from telemetry.messages import Birth, ClockState, DiskState, PortCounters, SensorCounters, State
from telemetry.quarantine import Quarantined, Reason
from telemetry.reading import Reading

NOW_MS = 1_795_395_600_000  # 2026-11-23T01:00:00Z, eight in the morning in Hạ Long
MINUTES = 90
SITE = Site("bai-chay", "Bãi Cháy", 20.953, 107.043, "beach")
SENSORS = (
    Sensor("bai-chay-pm-1", "pms5003", ("pm25",), 60.0, "Bụi mịn, Bãi Cháy", 20.953, 107.043),
    Sensor("bai-chay-noise-1", "mqtt-senml", ("noise_laeq", "wind_direction"), 60.0, "Trạm ồn"),
)


def history() -> list[Reading]:
    """A reading a minute of three series over an hour and a half that ends now."""
    return [
        reading
        for minute in range(MINUTES)
        for at in [NOW_MS - (MINUTES - 1 - minute) * 60_000]
        for reading in (
            Reading("bai-chay-pm-1", "pm25", at, 20.0 + minute, 8 if minute == 70 else 0),
            Reading("bai-chay-noise-1", "noise_laeq", at, 60.0 if minute % 2 else 70.0),
            Reading("bai-chay-noise-1", "wind_direction", at, 350.0 if minute % 2 else 10.0),
        )
    ]


def anomaly(
    kind: AnomalyKind, start_ms: int, *, sensor: str = "bai-chay-pm-1", end_ms: int | None = None
) -> Anomaly:
    """An anomaly of the dust sensor."""
    return Anomaly(
        id=anomaly_id(sensor, "pm25", kind, start_ms),
        sensor=sensor,
        quantity="pm25",
        site=SITE.id,
        kind=kind,
        severity=Severity.WARNING,
        start_ms=start_ms,
        end_ms=end_ms,
        score=2.0,
        value=214.0,
        expected=34.0,
        low=16.0,
        high=52.0,
        text="PM2.5 is 214.0 µg/m³.",
        text_vi="Bụi PM2.5 là 214,0 µg/m³.",
    )


def alarm(name: str, **changes: object) -> Alarm:
    """An alarm of the city, of the spike that is in the book."""
    whole = Alarm(
        id=name,
        group="city/bai-chay",
        family=AlarmFamily.CITY,
        kind=AnomalyKind.SPIKE,
        severity=Severity.WARNING,
        state=AlarmState.OPEN,
        site="bai-chay",
        sensors=("bai-chay-pm-1", "bai-chay-noise-1"),
        quantity="pm25",
        start_ms=NOW_MS - 600_000,
        end_ms=None,
        score=3.1,
        value=112.0,
        expected=36.0,
        low=14.0,
        high=61.0,
        text="PM2.5 is high.",
        text_vi="Bụi PM2.5 cao.",
        anomalies=(anomaly(AnomalyKind.SPIKE, NOW_MS - 600_000).id,),
        opened_ms=NOW_MS - 599_000,
    )
    return msgspec.structs.replace(whole, **changes)


class Hub:
    """What a test turns: the feed, whether the broker is there, the account."""

    def __init__(self, services: Services, ready: dict[str, bool]) -> None:
        self.services, self.ready = services, ready
        self.feed, self.book = services.feed, services.book
        self.app: FastAPI = create(services)

    def key(self, role: Role, *sites: str, expires_ms: int | None = None) -> str:
        """A new key of that role."""
        number = len(Keys(self.book).made())
        text = write_key(f"{number:012x}", f"{number:043d}")
        Keys(self.book).add(
            text, f"{role} {number}", role, sites, by="test", now_ms=NOW_MS, expires_ms=expires_ms
        )
        return text

    def with_access(self, access: Access) -> "Hub":
        """The same hub behind another door."""
        return Hub(replace(self.services, access=access), self.ready)

    def restarted(self) -> "Hub":
        """Another life of the same hub: what was the latest is known, its feed is new."""
        feed = Feed("next-life")
        feed.remember([(latest.site, latest.reading) for latest in self.feed.latest.values()])
        return Hub(replace(self.services, feed=feed), self.ready)


@asynccontextmanager
async def filled(tmp_path: Path, address: str = "") -> AsyncIterator[Hub]:
    """The API of a city with two sensors, one anomaly and one thing in quarantine; its store is a new DuckDB file or that one."""
    store = open_store(address or f"duckdb:{tmp_path / 'store.duckdb'}")
    await store.open()
    columns = Columns()
    for reading in history():
        columns.append(SITE.id, reading, reading.flags, None)
    await store.write(columns)
    ready = {"broker": True, "store": True, "clock": True}
    with Book(tmp_path / "book.sqlite") as book:
        book.register(Birth("gw-bai-chay", SITE, SENSORS, (1, 1), NOW_MS), NOW_MS)
        port = PortCounters("/dev/dust", up=True, frames=9, bad=1, readings=9)
        book.record_state(
            State(
                "gw-bai-chay",
                True,
                (1, 1),
                NOW_MS,
                accepted=270,
                ports=(port,),
                clock=ClockState("ntp", NOW_MS, 2),
                sensors=(SensorCounters("bai-chay-pm-1", "faulty", 90, 90, 95),),
                disk=DiskState(24_800_000_000, 31_200_000_000, 412_000_000, 960_000_000, 10),
            ),
            NOW_MS,
        )
        book.put_anomaly(anomaly(AnomalyKind.SPIKE, NOW_MS - 600_000))
        aside = Quarantined(Reason.UNDECODABLE, "not SenML", "halong/v1/up/x", "gw-bai-chay", "", b"\xff\x00")
        book.quarantine([aside], NOW_MS)
        feed = Feed("life")
        feed.remember([(SITE.id, reading) for reading in await store.latest(0)])
        services = Services(
            store=store,
            book=book,
            feed=feed,
            account=lambda: {"readings_stored": 270, "messages_waiting": 0},
            ready=lambda: ready,
            version="1.2.3",
            started_ms=NOW_MS - 5000,
            clock=lambda: NOW_MS,
        )
        yield Hub(services, ready)
        await store.close()


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[Hub]:
    """The hub of one test."""
    async with filled(tmp_path) as one:
        yield one


@asynccontextmanager
async def asking(
    hub: Hub, key: str | None = None, *, host: str = "127.0.0.1"
) -> AsyncIterator[httpx.AsyncClient]:
    """A client at that address, with a key or without, and no network between."""
    transport = httpx.ASGITransport(hub.app, raise_app_exceptions=False, client=(host, 50_000))
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    async with httpx.AsyncClient(transport=transport, base_url="http://hub", headers=headers) as one:
        yield one


@pytest.fixture
async def client(hub: Hub) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the API with an operator's key and no network between."""
    async with asking(hub, hub.key(Role.OPERATOR)) as one:
        yield one


QUIET: Any = {
    "log_level": "error",
    "timeout_graceful_shutdown": 1,
    "h11_max_incomplete_event_size": 256 * 1024,
}


class Server(uvicorn.Server):
    """uvicorn that leaves the signals to pytest."""

    def capture_signals(self):  # type: ignore[no-untyped-def]
        from contextlib import nullcontext

        return nullcontext()


@asynccontextmanager
async def served(hub: Hub, port: int = 0) -> AsyncIterator[str]:
    """The API on a real port of 127.0.0.1, its feed flowing."""
    server = Server(
        uvicorn.Config(
            hub.app,
            "127.0.0.1",
            port,
            log_level="error",
            timeout_graceful_shutdown=1,
            h11_max_incomplete_event_size=256 * 1024,
        )
    )
    async with asyncio.TaskGroup() as group:
        serving = group.create_task(server.serve())
        flowing = group.create_task(hub.feed.run())
        while not server.started:
            await asyncio.sleep(0.01)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        hub.feed.close()
        server.should_exit = True
        await serving
        flowing.cancel()
