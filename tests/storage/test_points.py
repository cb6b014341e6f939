"""Points that are no readings: their lines, and that they cannot be taken for readings; on a real server with them beside."""

import time

import pytest

from storage.influx import InfluxStore
from storage.influx_http import InfluxUrl
from storage.points import LINES_MAX, Point, bodies, line
from storage.store import Columns
from telemetry.reading import Reading


def test_a_line_has_sorted_tags_typed_fields_and_milliseconds() -> None:
    fields = {"online": 1, "heard_s": 0.25, "good": True, "text": 'say "a\\b"\nend', "absent": None}
    point = Point("gateway", {"site": "hòn gai", "gateway": "gw=1,2", "none": ""}, fields, 1700000000123)
    assert line(point) == (
        "gateway,gateway=gw\\=1\\,2,site=hòn\\ gai online=1i,heard_s=0.25,good=true,"
        'text="say \\"a\\\\b\\" end" 1700000000123'
    )


def test_nothing_to_say_is_no_line() -> None:
    empty = Point("gateway", {}, {"a": None, "b": float("nan")}, 1)
    assert line(empty) == ""
    assert list(bodies([empty])) == []


@pytest.mark.parametrize("point", [Point("pm25", {}, {"a": 1}, 1), Point("gateway", {}, {"value": 1.0}, 1)])
def test_what_would_be_taken_for_a_reading_is_refused(point: Point) -> None:
    with pytest.raises(ValueError, match="taken for readings"):
        line(point)


def test_requests_are_bounded() -> None:
    sizes = [
        body.count(b"\n") + 1
        for body in bodies(Point("port", {}, {"up": 1}, n) for n in range(LINES_MAX + 3))
    ]
    assert sizes == [LINES_MAX, 3]


@pytest.mark.influxd
async def test_readings_are_told_apart_from_points_of_the_same_names(
    influxd_url: str, influx_database: str
) -> None:
    now_ms = time.time_ns() // 1_000_000
    store = InfluxStore(InfluxUrl.parse(f"{influxd_url}/{influx_database}"))
    await store.open()
    try:
        columns = Columns()
        columns.append("hon-gai", Reading("pm-1", "pm25", now_ms, 9.5), 0, None)
        await store.write(columns)
        await store.write_points(
            [
                Point("sensor", {"sensor": "pm-1", "site": "hon-gai"}, {"age_s": 1.5, "silent": 0}, now_ms),
                Point(
                    "ledger",
                    {"sensor": "pm-1", "site": "hon-gai"},
                    {"stored": 1, "late": 2},
                    now_ms - now_ms % 3_600_000,
                ),
            ]
        )
        start_ms, end_ms = now_ms - 3_600_000, now_ms + 1
        assert await store.count(start_ms, end_ms) == {("pm-1", "pm25"): 1}
        assert [one.quantity for one in await store.series()] == ["pm25"]
        assert [one.value for one in await store.latest(start_ms)] == [9.5]
        assert [one.value for some in [s async for s in store.scan(start_ms, end_ms)] for one in some] == [
            9.5
        ]
        assert sum([len(some) async for some in store.rows(start_ms, end_ms)]) == 1
        assert list((await store.count_windows(start_ms, end_ms, window_ms=3_600_000)).values()) == [1]
    finally:
        await store.close()
