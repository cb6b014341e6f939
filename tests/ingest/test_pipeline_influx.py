"""The pipeline on an InfluxDB: what the server refuses is in the quarantine in its words; what it does not let us do waits."""

import time

import pytest

from storage.influx import InfluxStore
from storage.influx_http import InfluxUrl
from telemetry.quarantine import Reason
from telemetry.reading import Reading
from tests.storage.influx_peer import Peer, serving


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@pytest.mark.influxd
async def test_three_bad_points_of_five_thousand_are_in_quarantine(
    city, eventually, influxd_url, influx_database
):
    store = InfluxStore(InfluxUrl.parse(f"{influxd_url}/{influx_database}"))
    await store.open()
    at = now_ms()
    await store._http.write(f"co2,sensor=other,site=x value=400i {at}".encode())
    city.store = store
    async with city.running() as pipeline, city.gateway() as gateway:
        for seq in range(5):
            readings = [
                Reading("pm-1", "pm25", at - 5000 + seq * 1000 + row, row / 10) for row in range(1000)
            ]
            if seq < 3:
                readings[seq * 300] = Reading("pm-1", "co2", at - 5000 + seq, 400.0)
            await gateway.pack(seq, readings)
        await eventually(lambda: len(gateway.stored()) == 5)
        rows = city.book.quarantined(10)
        assert [row.reason for row in rows] == [Reason.STORE_REFUSED] * 3
        words = 'field type conflict: input field "value" on measurement "co2" is type float'
        assert all(words in row.detail for row in rows)
        assert await store.count(at - 10_000, at) == {("pm-1", "pm25"): 4997}
        assert pipeline.account.readings_stored == 4997
        assert pipeline.account.readings_quarantined == 3
    await store.close()


async def test_without_the_right_to_write_the_data_waits_and_the_reason_is_told(city, eventually):
    at = now_ms()
    async with serving(Peer("3")) as peer:
        store = city.store = InfluxStore(InfluxUrl.parse(peer.url))
        await store.open()
        async with city.running() as pipeline, city.gateway() as gateway:
            peer.may_write = False
            await gateway.pack(0, [Reading("pm-1", "pm25", at, 1.0)])
            await eventually(lambda: not pipeline.ready()["store"])
            assert "does not allow this user to do that" in pipeline.reasons()["store"]
            await eventually(lambda: gateway.acks and gateway.acks[-1].credit == 0)
            assert gateway.stored() == set()
            peer.may_write = True
            await eventually(lambda: gateway.stored() == {("aaaa", 0)})
            assert pipeline.reasons() == {}
            assert pipeline.ready()["store"]
            assert peer.points == {("pm25", "pm-1", at)}
            assert city.book.quarantined(10) == []
        await store.close()
