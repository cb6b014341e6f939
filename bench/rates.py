"""End to end: packs of 100 over MQTT until they are acknowledged as stored, detectors on, beside the bare store."""

import json
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import NamedTuple

import duckdb
import msgspec
import numpy as np
from numpy.typing import NDArray

from bench import gateways
from bench.processes import Server, cpu_s, influxd, module, mosquitto, query, running, wait_for
from halong.hub import BrokerSettings, HubConfig, StoreSettings
from halong.installation import free_port
from halong.serving import ApiSettings
from storage.lineprotocol import LINES_MAX, Encoder
from storage.store import Columns
from telemetry.packcolumns import decode_columns

GATEWAYS = 40
SECONDS = 100  # of data: 400,000 readings
IN_FLIGHT = 4
BARE_ROWS = 20_000
ROUNDS = 2


class Figures(NamedTuple):
    """Readings a second; CPU seconds per million readings: ours, the store's, the broker's, the load's."""

    rate: float
    ours: float
    store: float
    broker: float
    load: float


def influx(seconds: int = SECONDS, rounds: int = ROUNDS) -> tuple[Figures, Figures]:
    """(end to end, the same lines ready-made into the same server), the best of the rounds each."""
    ours, bare = [], []
    with tempfile.TemporaryDirectory(prefix="halong-bench-") as name:
        for number in range(rounds):
            directory = Path(name) / str(number)
            with influxd(directory / "influx") as server:
                bare.append(_ready_made(server, seconds))
                ours.append(_end_to_end(directory, seconds, server))
    return max(ours), max(bare)


def embedded(seconds: int = SECONDS, rounds: int = ROUNDS) -> tuple[Figures, float]:
    """(end to end, rows a second of bare numpy appends into DuckDB), the best of the rounds each."""
    ours, bare = [], []
    with tempfile.TemporaryDirectory(prefix="halong-bench-") as name:
        for number in range(rounds):
            bare.append(_bare_duckdb(Path(name) / f"bare-{number}.duckdb", seconds))
            ours.append(_end_to_end(Path(name) / str(number), seconds, None))
    return max(ours), max(bare)


@contextmanager
def hub(directory: Path, broker: Server, store: Server | None) -> Iterator[int]:
    """Ingest alone with InfluxDB, or the hub with the embedded store; its process id."""
    directory.mkdir(parents=True, exist_ok=True)
    url = f"http://127.0.0.1:{store.port}/halong" if store else "duckdb:store.duckdb"
    port = free_port()
    config = HubConfig(
        str(directory / "hub"),
        BrokerSettings(f"mqtt://127.0.0.1:{broker.port}"),
        StoreSettings(url),
        ApiSettings(port=port),
    )
    path = directory / "hub.toml"
    path.write_bytes(msgspec.toml.encode(config))
    log = directory / "hub.log"
    with running(module("halong", "ingest" if store else "hub", str(path)), log) as pid:
        wait_for(lambda: "broker connected" in log.read_text(encoding="utf-8"))
        yield pid


def _end_to_end(directory: Path, seconds: int, store: Server | None) -> Figures:
    with mosquitto(directory / "broker") as broker, hub(directory, broker, store) as pid:
        pids = [pid, store.pid if store else pid, broker.pid]
        command = module("bench.gateways", str(broker.port), str(GATEWAYS), str(seconds))
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as load:
            if load.stdout is None:
                raise AssertionError("no pipe")
            first = json.loads(load.stdout.readline())
            before = [cpu_s(pid) for pid in pids]
            last = first
            for line in load.stdout:
                last = json.loads(line)
            spent = [cpu_s(pid) - was for pid, was in zip(pids, before, strict=True)]
    if not last["done"] or first["done"]:
        raise RuntimeError("the load ended too early: see the hub's log")
    number = (last["acked"] - first["acked"]) * gateways.PACK_READINGS
    lasted = last["seconds"] - first["seconds"]
    _check_count(directory, store, GATEWAYS * seconds * gateways.PACK_READINGS)
    millions = number / 1e6
    load_cpu = last["cpu_s"] - first["cpu_s"]
    return Figures(number / lasted, *(cpu / millions for cpu in (*spent, load_cpu)))


def _check_count(directory: Path, store: Server | None, wanted: int) -> None:
    if store is None:
        with duckdb.connect(str(directory / "hub" / "store.duckdb"), read_only=True) as file:
            ((found,),) = file.execute("SELECT count(*) FROM readings").fetchall()
    else:
        answer = json.loads(query(store.port, "halong", 'SELECT count("value") FROM /.+/'))
        found = sum(series["values"][0][1] for series in answer["results"][0]["series"])
    if found != wanted:
        raise RuntimeError(f"{found} readings are stored of {wanted}")


def _columns(seconds: int) -> Iterator[Columns]:
    """The readings of the load, BARE_ROWS at a time."""
    now_ms, rngs = time.time_ns() // 1_000_000, [Random(number) for number in range(GATEWAYS)]
    columns = Columns()
    for second in range(seconds):
        for number, rng in enumerate(rngs):
            at_ms = now_ms - (seconds - second) * 1000
            made = decode_columns(gateways.pack(number, at_ms, rng))
            columns.sensor += made.sensor
            columns.site += [made.site] * len(made)
            columns.quantity += made.quantity
            columns.observed_at += made.observed_at
            columns.value += made.value
            columns.flags += [0] * len(made)
            columns.late_s += [None] * len(made)
            if len(columns) >= BARE_ROWS:
                yield columns
                columns = Columns()


def _ready_made(server: Server, seconds: int) -> Figures:
    query(server.port, "", "CREATE DATABASE bare")
    encoder, requests, rows = Encoder(), [], 0
    for columns in _columns(seconds):
        rows += len(columns)
        (lines,) = encoder.encode(columns)
        for start in range(0, len(columns), LINES_MAX):
            body = lines.part(start, start + LINES_MAX).body()
            head = (
                f"POST /write?db=bare&precision=ms HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
            )
            requests.append(head.encode() + body)
    lanes = [requests[lane::IN_FLIGHT] for lane in range(IN_FLIGHT)]
    threads = [threading.Thread(target=_post, args=(server.port, lane)) for lane in lanes]
    before, cpu, began = cpu_s(server.pid), time.process_time(), time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lasted, spent = time.monotonic() - began, time.process_time() - cpu
    millions = rows / 1e6
    store = (cpu_s(server.pid) - before) / millions
    query(server.port, "", "DROP DATABASE bare")
    return Figures(rows / lasted, 0.0, store, 0.0, spent / millions)


def _post(port: int, requests: Sequence[bytes]) -> None:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        for request in requests:
            connection.sendall(request)
            answer = b""
            while b"\r\n\r\n" not in answer:
                answer += connection.recv(65_536)
            if not answer.startswith(b"HTTP/1.1 204"):
                raise RuntimeError(answer.decode("utf-8", "replace"))


def _bare_duckdb(path: Path, seconds: int) -> float:
    """Arrays of numbers appended, a commit each."""
    ids: dict[tuple[str, str], int] = {}
    batches: list[dict[str, NDArray[np.generic]]] = []
    for columns in _columns(seconds):
        keys = zip(columns.sensor, columns.quantity, strict=True)
        batches.append(
            {
                "series": np.array([ids.setdefault(key, len(ids)) for key in keys], np.int32),
                "observed_at": np.array(columns.observed_at, np.int64),
                "value": np.array(columns.value, np.float64),
                "flags": np.zeros(len(columns), np.int32),
            }
        )
    rows = sum(len(batch["value"]) for batch in batches)
    with duckdb.connect(str(path)) as file:
        file.execute(
            "CREATE TABLE readings (series INTEGER, observed_at BIGINT, value DOUBLE, flags INTEGER)"
        )
        began = time.monotonic()
        for batch in batches:
            file.register("batch", batch)
            file.execute("INSERT INTO readings SELECT * FROM batch")
            file.unregister("batch")
        return rows / (time.monotonic() - began)
