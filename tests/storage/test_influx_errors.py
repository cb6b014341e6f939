"""What an InfluxDB may say to a write, case by case: on a real 1.6, on peers that answer as 2.7 and 3 do, and on the server
of HALONG_TEST_INFLUX_URL (http://user:token@host:port/database), when that is set.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any
from uuid import uuid4

import pytest

from storage.influx import InfluxStore
from storage.influx_http import InfluxUrl
from storage.influx_write import write_lanes
from storage.lineprotocol import Encoder, Lines
from storage.store import Columns, Outcome, Rejected, StoreMisconfiguredError, StoreUnavailableError
from telemetry.reading import Reading

from .influx_peer import Peer, serving

NOW = time.time_ns() // 1_000_000
ROWS = 5000
REAL = "HALONG_TEST_INFLUX_URL"
SERVERS = [pytest.param("1.6", marks=pytest.mark.influxd), "2.7", "3"] + [REAL] * (REAL in os.environ)


@asynccontextmanager
async def opened(url: str, **options: Any) -> AsyncIterator[InfluxStore]:
    store = InfluxStore(InfluxUrl.parse(url), **options)
    try:
        await store.open()
        yield store
    finally:
        await store.close()


@pytest.fixture(params=SERVERS)
async def store(request: pytest.FixtureRequest) -> AsyncIterator[InfluxStore]:
    """A store on each server. 1.6 and 2.7 keep an hour; in `state` of quantity `<run>` the column `value` is an integer."""
    kind = request.param
    if kind == "1.6":
        base, database = request.getfixturevalue("influxd_url"), request.getfixturevalue("influx_database")
        async with opened(f"{base}/{database}_") as one:
            await one._http.query(f'CREATE DATABASE "{database}" WITH DURATION 1h')
        async with opened(f"{base}/{database}") as one:
            yield one
    elif kind == REAL:
        async with opened(os.environ[REAL]) as one:
            yield one
    else:
        async with serving(Peer(kind, oldest_ms=NOW - 3_600_000)) as peer, opened(peer.url) as one:
            yield one


@pytest.fixture
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.node.callspec.params["store"])


def run_name() -> str:
    """A sensor no other run has used: a real server keeps what it was given."""
    return f"dust-{uuid4().hex[:8]}"


def rows(sensor: str, number: int = ROWS) -> Columns:
    columns = Columns()
    for index in range(number):
        columns.append("bai-chay", Reading(sensor, "pm25", NOW - index, float(index)), 0, None)
    return columns


def spoiled(lines: Lines, bad: dict[int, str]) -> Lines:
    texts = list(lines.texts)
    for row, text in bad.items():
        texts[row] = text
    return Lines(lines.rows, texts)


async def test_three_bad_lines_of_five_thousand(store: InfluxStore, kind: str) -> None:
    """Each is found, with the server's own words for it; all others are stored."""
    sensor, quantity = run_name(), f"state_{uuid4().hex[:8]}"
    await store._send(f"{quantity},sensor=other,site=x value=1i {NOW}".encode())
    bad = {
        17: f"pm25,sensor={sensor},site=bai-chay value= {NOW}",
        2600: f"{quantity},sensor={sensor},site=bai-chay value=400.0,flags=0i {NOW - 2600}",
        4999: f"pm25,sensor={sensor},site=bai-chay value=1.0,flags=0i {NOW - 10 * 86_400_000}",
    }
    keeps_everything = kind in ("3", REAL)
    if keeps_everything:  # what is too old is taken and hidden: another conflict instead
        bad[4999] = f"pm25,sensor={sensor},site=bai-chay value=1.0,flags=0.5 {NOW - 4999}"
    (lines,) = Encoder().encode(rows(sensor))
    refused = await write_lanes(store._send, [spoiled(lines, bad)])
    assert [rejected.index for rejected in refused] == [17, 2600, 4999]
    parsing, conflict, last = (rejected.reason for rejected in refused)
    if kind == "3":
        assert parsing.startswith("line protocol parsing error: ")
        assert "invalid column type for column 'value'" in conflict
        assert "invalid column type for column 'flags'" in last
    elif kind != REAL:
        assert "unable to parse" in parsing
        assert f'input field "value" on measurement "{quantity}" is type float' in conflict
        assert "dropped=1" in last
        assert "retention policy" in last
    counts = await store.count(NOW - 86_400_000, NOW + 1)
    assert counts[sensor, "pm25"] == ROWS - 3
    assert counts.get((sensor, quantity)) is None


async def test_a_batch_of_nothing_but_bad_lines(store: InfluxStore) -> None:
    sensor, quantity = run_name(), f"state_{uuid4().hex[:8]}"
    await store._send(f"{quantity},sensor=other,site=x value=1i {NOW}".encode())
    columns = rows(sensor, 20)
    columns.quantity = [quantity] * 20
    outcome = await store.write(columns)
    assert [rejected.index for rejected in outcome.rejected] == list(range(20))
    assert all("value" in rejected.reason for rejected in outcome.rejected)
    assert outcome.stored == 0


async def test_a_measurement_of_another_type_costs_a_few_requests(store: InfluxStore, kind: str) -> None:
    """A quarter of the points conflict, all over the batch: on 1.6 and 2.7 that is told in a handful of requests."""
    sensor, quantity, requests = run_name(), f"state_{uuid4().hex[:8]}", 0
    await store._send(f"{quantity},sensor=other,site=x value=1i {NOW}".encode())
    columns = rows(sensor, 400)
    for index in range(0, 400, 4):
        columns.quantity[index] = quantity
    (lines,) = Encoder().encode(columns)

    async def send(body: bytes) -> None:
        nonlocal requests
        requests += 1
        await store._send(body)

    refused = await write_lanes(send, [lines])
    assert [rejected.index for rejected in refused] == list(range(0, 400, 4))
    assert all(quantity in rejected.reason or kind in ("3", REAL) for rejected in refused)
    assert requests <= (3 if kind in ("1.6", "2.7") else 101)
    counts = await store.count(NOW - 86_400_000, NOW + 1)
    assert (counts[sensor, "pm25"], counts.get((sensor, quantity))) == (300, None)


async def test_writing_again_changes_nothing(store: InfluxStore) -> None:
    sensor = run_name()
    columns = rows(sensor, 12_000)
    columns.observed_at = [NOW - index for index in range(12_000)]
    for _ in range(2):
        assert await store.write(columns) == Outcome(12_000, 0)
    assert (await store.count(NOW - 86_400_000, NOW + 1))[sensor, "pm25"] == 12_000


@pytest.mark.influxd
async def test_a_real_server_reads_what_was_compressed(influxd_url: str, influx_database: str) -> None:
    sensor = run_name()
    async with opened(f"{influxd_url}/{influx_database}", compresses=True) as store:
        assert await store.write(rows(sensor)) == Outcome(ROWS, 0)
        assert await store.count(0, NOW + 1) == {(sensor, "pm25"): ROWS}


@pytest.mark.parametrize(("compresses", "wanted"), [(True, 1), (None, 0), (False, 0)])
async def test_only_what_travels_is_compressed(compresses: bool | None, wanted: int) -> None:
    async with serving(Peer("3")) as peer, opened(peer.url, compresses=compresses) as store:
        await store.write(rows("dust-1", 100))
        await store.write(rows("dust-2", 1))  # too little to be worth it
        assert (peer.compressed, len(peer.points)) == (wanted, 101)


@pytest.mark.parametrize("version", ["2.7", "3"])
async def test_who_may_not_write_keeps_the_data(version: str) -> None:
    columns = rows("dust-1", 3)
    async with serving(Peer(version)) as peer:
        async with opened(peer.url.replace("a-token", "wrong")) as store:
            with pytest.raises(StoreMisconfiguredError, match="does not accept the user or token: "):
                await store.write(columns)
        peer.may_write = False
        async with opened(peer.url) as store:
            with pytest.raises(StoreMisconfiguredError, match="does not allow this user"):
                await store.write(columns)
            peer.may_write = True
            assert await store.write(columns) == Outcome(3, 0)


async def test_a_bucket_that_does_not_exist_is_told_and_not_the_datas_fault() -> None:
    async with serving(Peer("2.7", database="city")) as peer, opened(peer.url + "x") as store:
        with pytest.raises(
            StoreMisconfiguredError, match=r"no database 'cityx': create it \(no dbrp mapping"
        ):
            await store.write(rows("dust-1", 3))


@pytest.mark.parametrize("version", ["2.7", "3"])
async def test_an_overloaded_server_is_tried_again(version: str) -> None:
    async with serving(Peer(version, busy=1)) as peer, opened(peer.url) as store:
        with pytest.raises(StoreUnavailableError, match="answers 500") as caught:
            await store.write(rows("dust-1", 3))
        assert not isinstance(caught.value, StoreMisconfiguredError)
        assert await store.write(rows("dust-1", 3)) == Outcome(3, 0)
        assert len(peer.points) == 3


@pytest.mark.influxd
async def test_a_real_server_that_asks_who_is_there(strict_influxd_url: str) -> None:
    """1.6: no user, a wrong password, a user without rights; a body above the limit is halved until it fits."""

    def url(credentials: str) -> str:
        return strict_influxd_url.replace("//", f"//{credentials}") + "/city"

    async with opened(url("")) as store:
        await store._http.query("CREATE USER boss WITH PASSWORD 'secret' WITH ALL PRIVILEGES")
        with pytest.raises(StoreMisconfiguredError, match="does not accept the user or token: "):
            await store.write(rows("dust-1", 3))
    with pytest.raises(StoreMisconfiguredError, match="authorization failed"):
        async with opened(url("boss:wrong@")):
            pass
    async with opened(url("boss:secret@")) as store:
        await store._http.query("CREATE USER guest WITH PASSWORD 'guest'")
        assert await store.write(rows("dust-1", 1000)) == Outcome(1000, 0)
        assert await store.count(0, NOW + 1) == {("dust-1", "pm25"): 1000}
    async with opened(url("guest:guest@")) as store:
        with pytest.raises(StoreMisconfiguredError, match="not authorized to write to database"):
            await store.write(rows("dust-1", 3))


class Deaf:
    """A server that takes the connection and, the first `times`, says nothing or breaks off after `words`."""

    def __init__(self, times: int, words: bytes | None) -> None:
        self.left, self.words, self.heard = times, words, 0

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                await reader.readexactly(int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0]))
                if b"/query" not in head:
                    self.heard += 1
                    if self.left:
                        self.left -= 1
                        if self.words is None:
                            await reader.read()  # until the client gives up
                        else:
                            writer.write(self.words)
                            await writer.drain()
                        break
                writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        writer.close()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (None, "did not answer in 0.3 s"),
        (b"", "cannot reach http"),
        (b"HTTP/1.1 204 No", "cannot reach http"),
        (b"HTTP/1.1 500 Oh\r\nContent-Length: 9\r\n\r\nbro", "cannot reach http"),
    ],
)
async def test_a_connection_that_is_half_open_or_breaks(words: bytes | None, told: str) -> None:
    deaf = Deaf(1, words)
    server = await asyncio.start_server(deaf.talk, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        async with opened(f"http://127.0.0.1:{port}/city", write_timeout_s=0.3) as store:
            with pytest.raises(StoreUnavailableError, match=told):
                await store.write(rows("dust-1", 3))
            assert await store.write(rows("dust-1", 3)) == Outcome(3, 0)
        assert deaf.heard == 2


async def test_a_lane_that_fails_does_not_stop_the_others() -> None:
    taken: list[bytes] = []

    async def send(body: bytes) -> None:
        await asyncio.sleep(0)
        if body.startswith(b"a"):
            raise StoreUnavailableError("away")
        taken.append(body)

    lanes = [Lines([0], ["a"]), Lines([1, 2], ["b", "c"]), Lines([3], ["d"])]
    with pytest.raises(StoreUnavailableError, match="away"):
        await write_lanes(send, lanes)
    assert sorted(taken) == [b"b\nc", b"d"]
    assert await write_lanes(send, lanes[1:]) == list[Rejected]()
