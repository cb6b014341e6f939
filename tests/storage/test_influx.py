"""Against a real InfluxDB: refused lines are isolated, a removed database comes back. Against a peer that answers by
script: what other versions and proxies say.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from storage.influx import InfluxStore
from storage.influx_http import InfluxUrl
from storage.store import Columns, Outcome, StoreUnavailableError
from telemetry.quantities import Aggregate
from telemetry.reading import Reading

T0 = 1_760_000_000_000


def columns(*readings: Reading) -> Columns:
    result = Columns()
    for reading in readings:
        result.append("bai-chay", reading, 0, None)
    return result


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[InfluxStore]:
    store = InfluxStore(InfluxUrl.parse(url))
    await store.open()
    try:
        yield store
    finally:
        await store.close()


@pytest.fixture
def address(influxd_url: str, influx_database: str) -> str:
    return f"{influxd_url}/{influx_database}"


async def write_by_hand(store: InfluxStore, line: bytes) -> None:
    await store._http.write(line)


@pytest.mark.influxd
async def test_points_of_the_wrong_type_are_refused_alone(address: str) -> None:
    async with opened(address) as store:
        await write_by_hand(store, b"co2,sensor=other,site=x value=400i %d" % T0)
        bad = [Reading("air-1", "co2", T0 + number, 400.0) for number in range(3)]
        good = [Reading("air-1", "pm25", T0 + number, 7.0) for number in range(40)]
        outcome = await store.write(columns(*good[:20], bad[0], *good[20:30], bad[1], bad[2], *good[30:]))
        assert outcome.stored == 40
        assert [rejected.index for rejected in outcome.rejected] == [20, 31, 32]
        assert all("field type conflict" in rejected.reason for rejected in outcome.rejected)
        assert await store.readings("air-1", "pm25", 0, T0 + 99, limit=99) == good
        assert await store.readings("air-1", "co2", 0, T0 + 99, limit=99) == []


@pytest.mark.influxd
async def test_what_others_wrote_does_not_disturb(address: str) -> None:
    async with opened(address) as store:
        for line in (
            b'state,sensor=a,site=s text="on" %d',
            b'state,sensor=a,site=s value="on" %d',
            b"cpu value=3 %d",
            b"pm25,sensor=whole,site=s,more=1 value=3 %d",
        ):
            await write_by_hand(store, line % T0)
        assert await store.latest(0) == [Reading("whole", "pm25", T0, 3.0)]
        assert [one async for some in store.scan(0, T0 + 9) for one in some] == [
            Reading("whole", "pm25", T0, 3.0)
        ]


@pytest.mark.influxd
async def test_a_database_that_was_dropped_is_made_again(address: str) -> None:
    reading = Reading("dust-1", "pm25", T0, 1.0)
    async with opened(address) as store:
        await store.write(columns(reading))
        await store._http.query(f'DROP DATABASE "{InfluxUrl.parse(address).database}"')
        with pytest.raises(StoreUnavailableError, match="has no database"):
            await store.latest(0)
        await store.ping()
        assert await store.latest(0) == []
        await store._http.query(f'DROP DATABASE "{InfluxUrl.parse(address).database}"')
        assert await store.write(columns(reading)) == Outcome(1, 0)
        assert await store.latest(0) == [reading]


@pytest.mark.influxd
async def test_long_answers_are_whole(address: str) -> None:
    many = [Reading("dust-1", "rain", T0 + number * 10, float(number % 700)) for number in range(25_000)]
    async with opened(address) as store:
        await store.write(columns(*many))
        assert await store.readings("dust-1", "rain", 0, T0 + 10**9, limit=30_000) == many
        for function in (Aggregate.MAX, Aggregate.INCREASE):
            buckets = await store.aggregate(
                ["dust-1"], "rain", 0, T0 + 10**9, window_ms=10, function=function
            )
            assert [bucket.start_ms for bucket in buckets] == [one.observed_at for one in many]


async def test_nobody_there_is_one_clear_line() -> None:
    store = InfluxStore(InfluxUrl.parse("http://127.0.0.1:9/x"))
    with pytest.raises(StoreUnavailableError, match="not open"):
        await store.ping()
    for call in (store.open, store.ping):
        with pytest.raises(StoreUnavailableError, match=r"cannot reach http://127\.0\.0\.1:9: .*") as caught:
            await call()
        assert "\n" not in str(caught.value)
    await store.close()


Answer = Callable[[str, bytes], web.Response]


@asynccontextmanager
async def peer(write: Answer) -> AsyncIterator[InfluxStore]:
    """A store whose server answers queries with nothing, and writes by `write` (authorization, body)."""

    async def on_write(request: web.Request) -> web.Response:
        assert request.query["precision"] == "ms"
        assert request.query["db"] == "city"
        return write(request.headers.get("Authorization", ""), await request.read())

    async def on_query(request: web.Request) -> web.Response:
        form = await request.post()
        assert request.headers["Accept"] == "application/json"
        if str(form["q"]).startswith("CREATE"):
            return web.json_response({"error": "not implemented"}, status=400)
        return web.json_response({"results": [{"statement_id": 0}]})

    application = web.Application()
    application.router.add_post("/write", on_write)
    application.router.add_post("/query", on_query)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    try:
        async with opened(f"http://me:token@127.0.0.1:{port}/city") as store:
            yield store
    finally:
        await runner.cleanup()


READING = Reading("dust-1", "pm25", T0, 1.0)


@pytest.mark.parametrize(
    ("status", "body", "headers", "words", "wait_s"),
    [
        (
            401,
            '{"error":"authorization failed"}',
            {},
            "does not accept the user or token: authorization failed",
            5,
        ),
        (
            403,
            '{"code":"forbidden","message":"no write"}',
            {},
            "not allow this user to do that: no write",
            5,
        ),
        (404, "404 page not found", {}, "does not know the path or database: 404 page not found", 5),
        (
            404,
            '{"code":"not found","message":"no dbrp mapping found"}',
            {},
            "has no database 'city': create it",
            5,
        ),
        (429, "", {"Retry-After": "7"}, "too busy (429): no reason given", 7),
        (503, "request throttled, x", {"Retry-After": "99999"}, "too busy (503): request throttled, x", 300),
        (
            500,
            '{"error":"timeout"}',
            {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"},
            "answers 500: timeout",
            1,
        ),
        (408, "", {}, "answers 408", 1),
    ],
)
async def test_what_is_not_the_datas_fault(
    status: int, body: str, headers: dict[str, str], words: str, wait_s: float
) -> None:
    async with peer(lambda _, __: web.Response(status=status, text=body, headers=headers)) as store:
        with pytest.raises(StoreUnavailableError) as caught:
            await store.write(columns(READING))
        assert words in str(caught.value)
        assert caught.value.retry_after_s == wait_s


async def test_user_and_token_go_as_basic_authentication() -> None:
    seen = []

    def write(authorization: str, body: bytes) -> web.Response:
        seen.append((authorization, body))
        return web.Response(status=204)

    async with peer(write) as store:
        assert await store.write(columns(READING)) == Outcome(1, 0)
        many = [Reading("dust-1", "pm25", T0 + number, 1.0) for number in range(100)]
        await store.write(columns(*many))
    assert seen[0] == ("Basic bWU6dG9rZW4=", b"pm25,sensor=dust-1,site=bai-chay value=1.0,flags=0i %d" % T0)
    assert seen[1][1].count(b"\n") == 99  # aiohttp's server has inflated it


async def test_a_server_that_names_the_line_needs_no_halving() -> None:
    """InfluxDB 3: nothing of the request is stored, the first bad line is named."""
    stored: list[bytes] = []
    requests = 0

    def write(_: str, body: bytes) -> web.Response:
        nonlocal requests
        requests += 1
        lines = body.split(b"\n")
        for number, line in enumerate(lines, 1):
            if b"bad" in line:
                detail = {
                    "error_message": "invalid column type",
                    "line_number": number,
                    "original_line": "bad",
                }
                return web.json_response({"error": "parsing error", "data": detail}, status=400)
        stored.extend(lines)
        return web.Response(status=204)

    async with peer(write) as store:
        readings = [
            Reading("bad" if number in (3, 17) else "good", "pm25", T0 + number, 1.0) for number in range(64)
        ]
        outcome = await store.write(columns(*readings))
    assert [rejected.index for rejected in outcome.rejected] == [3, 17]
    assert outcome.rejected[0].reason == "parsing error: invalid column type"
    assert len(stored) == outcome.stored == 62
    assert requests == 3


async def test_a_request_that_is_too_large_is_halved() -> None:
    sizes = []

    def write(_: str, body: bytes) -> web.Response:
        sizes.append(body.count(b"\n") + 1)
        return web.Response(status=413 if sizes[-1] > 10 else 204)

    async with peer(write) as store:
        readings = [Reading("dust-1", "pm25", T0 + number, 1.0) for number in range(40)]
        assert await store.write(columns(*readings)) == Outcome(40, 0)
    assert sizes == [40, 20, 10, 10, 20, 10, 10]


async def test_an_empty_write_that_is_refused_will_do_for_a_ping() -> None:
    async with peer(
        lambda _, __: web.json_response({"error": "incoming write was empty"}, status=400)
    ) as store:
        await store.ping()


async def test_lines_of_one_series_stay_in_order() -> None:
    arrived: list[int] = []

    def write(_: str, body: bytes) -> web.Response:
        arrived.extend(int(line.rsplit(b" ", 1)[1]) for line in body.split(b"\n") if b"sensor=dust-7" in line)
        return web.Response(status=204)

    async with peer(write) as store:
        readings = [Reading(f"dust-{number % 9}", "pm25", T0 + number, 1.0) for number in range(60_000)]
        assert (await store.write(columns(*readings))).stored == 60_000
    assert len(arrived) == 6666
    assert arrived == sorted(arrived)
