"""`halong export` and `halong migrate` on real stores and a real hub: every row, once, with all there is to it."""

import asyncio
import csv
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import duckdb
import pytest
from typer.testing import CliRunner

from halong import migrate
from halong.__main__ import app
from halong.hub import ApiSettings, BrokerSettings, HubConfig, run
from halong.installation import free_port
from storage.book import Book
from storage.open import open_store
from storage.store import Columns
from telemetry.quantities import Aggregate
from telemetry.reading import Reading

T0 = 1_795_395_600_000
RUNNER = CliRunner()
Row = tuple[object, ...]


def fill(address: str, seconds: int = 300) -> list[Row]:
    """Two sensors, two quantities; some rows flagged, some late, some without flags; a sensor that changed its site."""
    columns = Columns()
    for second in range(seconds):
        for sensor in ("pm-1", "pm-2"):
            for quantity in ("pm25", "temperature"):
                site = "hon-gai" if sensor == "pm-2" and second > 200 else "bai-chay"
                reading = Reading(sensor, quantity, T0 + second * 1000, second / 3)
                flags, late_s = (None, 4, 0)[second % 3], 90 if second % 7 == 0 else None
                columns.append(site, reading, flags, late_s)

    async def write() -> None:
        store = open_store(address)
        await store.open()
        await store.write(columns)
        await store.close()

    asyncio.run(write())
    return sorted(cells(columns), key=str)


def cells(columns: Columns) -> list[Row]:
    names = ("sensor", "site", "quantity", "observed_at", "value", "flags", "late_s")
    return list(zip(*(getattr(columns, name) for name in names), strict=True))


def content(address: str) -> list[Row]:
    async def read() -> list[Row]:
        store = open_store(address)
        await store.open()
        try:
            return [row async for some in store.rows(0, T0 * 2) for row in cells(some)]
        finally:
            await store.close()

    return sorted(asyncio.run(read()), key=str)


def call(*arguments: object) -> tuple[int, str, str]:
    done = RUNNER.invoke(app, [str(argument) for argument in arguments])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.stdout, done.stderr


def test_export_to_csv_and_parquet_is_the_same(tmp_path: Path) -> None:
    rows = fill(f"duckdb:{tmp_path / 'store.duckdb'}")
    code, said, _ = call("export", "--data", tmp_path, "--out", tmp_path / "all.csv")
    assert (code, said.split()[0]) == (0, "1,200")
    assert call("export", "--data", tmp_path, "--out", tmp_path / "all.parquet", "--json")[0] == 0
    with (tmp_path / "all.csv").open(encoding="utf-8", newline="") as file:
        written = list(csv.DictReader(file))
    found = duckdb.sql(
        f"SELECT sensor, site, quantity, epoch_ms(time), value, flags, late_s, unit FROM '{tmp_path / 'all.parquet'}'"
    ).fetchall()
    wanted = sorted(((*r[:5], r[5] or 0, -1 if r[6] is None else r[6]) for r in rows), key=str)
    assert sorted((row[:7] for row in found), key=str) == wanted
    assert {row[7] for row in found} == {"ug/m3", "Cel"}
    assert sorted(
        (r["sensor"], r["site"], r["quantity"], float(r["value"]), int(r["flags"]), int(r["late_s"] or -1))
        for r in written
    ) == sorted((*r[:3], *r[4:]) for r in wanted)
    assert written[0]["time"] == "2026-11-23T01:00:00.000Z"
    assert not list(tmp_path.glob("*.part")) + list(tmp_path.glob("*.gathered"))


def test_export_of_a_period_and_of_some_series(tmp_path: Path) -> None:
    fill(f"duckdb:{tmp_path / 'store.duckdb'}")
    out = tmp_path / "some.csv"
    period = ("--from", "2026-11-23T08:01:00+07:00", "--to", "2026-11-23T01:02:00Z")
    some = ("--sensor", "pm-1", "--quantity", "pm25")
    code, said, _ = call(
        "export", "--store", f"duckdb:{tmp_path / 'store.duckdb'}", "--out", out, *period, *some
    )
    assert (code, said) == (0, f"60 readings in {out}\n")
    assert call("export", "--data", tmp_path, "--out", out, "--to", "2020-01-01", *some)[1] == (
        "no readings in that period\n"
    )
    some = ("--sensor", "pm-1", "--sensor", "pm-3")
    code, _, complaint = call("export", "--data", tmp_path, "--out", tmp_path / "none.csv", *some)
    assert (code, complaint) == (2, "halong: no sensor 'pm-3', did you mean 'pm-2'?\n")
    assert not (tmp_path / "none.csv").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--out", "x.txt"), "--out must end in .csv or .parquet"),
        (("--out", "x.csv", "--quantity", "pm26"), "unknown quantity 'pm26'"),
        (("--out", "x.csv", "--data", "nowhere"), "there is no store at nowhere"),
        (("--out", "x.csv", "--store", "ftp:x"), "there is no store at ftp:x"),
        (("--out", "x.csv", "--from", "yesterday"), "is no time like 2026-11-23 or"),
        (("--out", "x.csv", "--url", "http://127.0.0.1:9"), "http://127.0.0.1:9 cannot be reached: "),
        (("--out", "x.csv", "--store", "http://127.0.0.1:9/x"), "cannot reach http://127.0.0.1:9: "),
    ],
)
def test_what_the_user_can_mend_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    fill(f"duckdb:{tmp_path / 'halong-data' / 'store.duckdb'}", 3)
    code, _, complaint = call("export", *arguments)
    assert code != 0
    assert words in complaint
    assert complaint.count("\n") == 1
    assert not list(tmp_path.glob("x.*"))


@contextmanager
def hub(data: Path, broker: str) -> Iterator[str]:
    """The address of a hub that owns the store in `data`."""
    config = HubConfig(
        str(data), BrokerSettings(broker, f"t-{uuid4().hex}"), api=ApiSettings(port=free_port())
    )
    stop, started = asyncio.Event(), threading.Event()
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        running = asyncio.ensure_future(run(config, stop=stop))
        for _ in range(1000):
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", config.api.port)
            except OSError:
                await asyncio.sleep(0.02)
            else:
                writer.close()
                break
        started.set()
        await running

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert started.wait(30)
    try:
        yield f"http://127.0.0.1:{config.api.port}"
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(30)
        loop.close()


@pytest.mark.mosquitto
def test_export_from_a_running_hub(tmp_path: Path, mosquitto_url: str) -> None:
    rows = fill(f"duckdb:{tmp_path / 'store.duckdb'}")
    with Book(tmp_path / "book.sqlite") as book:
        for sensor in ("pm-1", "pm-2"):
            for quantity in ("pm25", "temperature"):
                book.adopt(sensor, "gw-1", "bai-chay", quantity, T0)
    out = tmp_path / "hub.csv"
    with hub(tmp_path, mosquitto_url) as url:
        code, said, complaint = call("export", "--url", url, "--out", out, "--quantity", "pm25")
        nobody = call("export", "--url", url, "--out", tmp_path / "none.csv", "--sensor", "pm-3")
    assert (nobody[0], "no sensor 'pm-3', did you mean" in nobody[2]) == (2, True)
    assert not (tmp_path / "none.csv").exists()
    assert (code, said.splitlines()[-1]) == (0, f"600 readings in {out}"), complaint
    with out.open(encoding="utf-8", newline="") as file:
        found = sorted((r["sensor"], float(r["value"]), int(r["flags"])) for r in csv.DictReader(file))
    assert found == sorted((r[0], r[4], r[5] or 0) for r in rows if r[2] == "pm25")


@pytest.mark.influxd
def test_from_one_store_to_the_other_and_back(
    tmp_path: Path, influxd_url: str, influx_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "city").mkdir()
    rows = fill(f"duckdb:{tmp_path / 'city' / 'store.duckdb'}")
    influx = f"{influxd_url}/{influx_database}"
    code, said, complaint = call("migrate", "city", influx)
    assert (code, said) == (0, "1,200 readings moved, 4 series counted in both\n"), complaint
    assert content(influx) == rows
    code, said, _ = call("migrate", influx, "duckdb:back.duckdb", "--json")
    assert (code, json.loads(said)["different"]) == (0, {})
    assert content(f"duckdb:{tmp_path / 'back.duckdb'}") == rows
    assert not Path("halong-migrate.json").exists()


def test_a_move_goes_on_where_it_was_broken_off(tmp_path: Path) -> None:
    source, dest, state = tmp_path / "a.duckdb", tmp_path / "b.duckdb", tmp_path / "state.json"
    rows = fill(f"duckdb:{source}")
    done = migrate.Progress(migrate.name(str(source), str(dest)), T0 + 250_000)
    state.write_bytes(json.dumps({"move": done.move, "done_ms": done.done_ms}).encode())
    code, said, complaint = call("migrate", source, dest, "--state", state)
    assert (code, said.splitlines()[0]) == (1, "200 readings moved, 4 series counted in both")
    assert "pm-1/pm25: 300 in the source, 50 in the destination" in said
    assert complaint == "halong: 4 series differ\n"
    state.unlink()
    assert call("migrate", source, dest, "--state", state)[0] == 0
    assert content(f"duckdb:{dest}") == rows
    assert call("migrate", source, dest, "--state", state)[:2] == (
        0,
        "1,200 readings moved, 4 series counted in both\n",
    )


def test_progress_is_noted_on_the_way(tmp_path: Path) -> None:
    source, dest = tmp_path / "a.duckdb", tmp_path / "b.duckdb"
    fill(f"duckdb:{source}", 1500)
    saved: list[int] = []
    seen: list[tuple[int, int]] = []

    async def run_it() -> migrate.Moved:
        here, there = open_store(f"duckdb:{source}"), open_store(f"duckdb:{dest}")
        await here.open()
        await there.open()
        try:
            return await migrate.move(
                here,
                there,
                start_ms=0,
                save=saved.append,
                tell=lambda done, total, waiting: seen.append((done, total)),
            )
        finally:
            await here.close()
            await there.close()

    moved = asyncio.run(run_it())
    assert (moved.rows, moved.wrong) == (6000, {})
    assert seen[-1] == (6000, 6000)
    assert saved == sorted(saved)


def test_the_same_store_twice_is_refused(tmp_path: Path) -> None:
    fill(f"duckdb:{tmp_path / 'store.duckdb'}", 1)
    code, _, complaint = call("migrate", tmp_path, tmp_path / "store.duckdb")
    assert (code, complaint) == (2, "halong: source and destination are the same store\n")


@pytest.fixture(params=["embedded", pytest.param("influx", marks=pytest.mark.influxd)])
def either(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty store of each kind."""
    if request.param == "embedded":
        return f"duckdb:{tmp_path / 'store.duckdb'}"
    return f"{request.getfixturevalue('influxd_url')}/cli_{uuid4().hex[:8]}"


def test_hourly_figures_of_a_store_and_anew(either: str) -> None:
    async def sums() -> list[tuple[str, int]]:
        store = open_store(either)
        await store.open()
        start = T0 - T0 % 86_400_000
        found = await store.aggregate(
            ["pm-1", "pm-2"],
            "pm25",
            start,
            start + 86_400_000,
            window_ms=3_600_000,
            function=Aggregate.COUNT,
        )
        await store.close()
        return [(bucket.sensor, bucket.count) for bucket in found]

    fill(either)
    before = asyncio.run(sums())
    done = RUNNER.invoke(app, ["rollup", "--store", either, "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["hours"] > 0
    assert asyncio.run(sums()) == before == [("pm-1", 300), ("pm-2", 300)]
    assert "every hour that is over" in RUNNER.invoke(app, ["rollup", "--store", either]).stdout
    again = RUNNER.invoke(app, ["rollup", "--store", either, "--from", "2026-11-23", "--json"])
    assert json.loads(again.stdout)["hours"] > 0
    assert asyncio.run(sums()) == before


def test_hourly_figures_of_nothing_are_one_line(tmp_path: Path) -> None:
    for arguments, words in (
        (["--data", str(tmp_path)], "there is no store"),
        (["--to", "2026-11-23"], "--to goes with --from"),
        (["--store", "http://127.0.0.1:9/x"], "cannot reach"),
    ):
        done = RUNNER.invoke(app, ["rollup", *arguments])
        assert done.exit_code != 0
        assert words in done.output
        assert "Traceback" not in done.output
