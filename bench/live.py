"""A thousand clients of the live stream at once: who gets every event, how late, at what cost. One of them never reads.

`python -m bench.live --serve DIRECTORY` is the other side, a process of its own: the API with a feed that tells of
`SENSORS` sensors once a second.
"""

import argparse
import asyncio
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path
from typing import NamedTuple

import uvicorn

from api.app import Services, create
from runtime.feed import Feed
from storage.book import Book
from storage.embedded import EmbeddedStore
from telemetry.inventory import Sensor, Site
from telemetry.messages import Birth
from telemetry.reading import Reading

CLIENTS, SENSORS, SECONDS = 1000, 60, 15
STAMP = "stamp"  # a sensor whose value is the moment of the flush
REQUEST = b"GET /v1/stream HTTP/1.1\r\nHost: hub\r\n\r\n"


class Heard(NamedTuple):
    """`events` is how many each reading client got at least; delays from flush to client, ms; `cpu` of one core."""

    clients: int
    events: int
    gaps: int
    p50_ms: float
    p99_ms: float
    worst_ms: float
    cpu: float
    rss_mb: float


class _Server(uvicorn.Server):
    def capture_signals(self):  # type: ignore[no-untyped-def]
        return nullcontext()


def clock() -> int:
    """Wall time, ms."""
    return time.time_ns() // 1_000_000


async def serve(directory: Path) -> None:
    """Serve until stdin closes; the first line out is the port, the last the CPU seconds and the memory in kB."""
    names = [f"pm-{number}" for number in range(SENSORS)]
    sensors = tuple(Sensor(name, "pms5003", ("pm25",), 1.0) for name in [*names, STAMP])
    site = Site("bai-chay", "Bãi Cháy", 20.95, 107.04)
    store = EmbeddedStore(directory / "store.duckdb", clock=clock)
    await store.open()
    with Book(directory / "book.sqlite") as book:
        book.register(Birth("gw-1", site, sensors, (1, 1), clock()), clock())
        feed = Feed("bench")
        services = Services(store, book, feed, dict, dict, "bench", clock(), clock)
        server = _Server(uvicorn.Config(create(services), "127.0.0.1", 0, log_level="error", backlog=CLIENTS))
        serving = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        print(server.servers[0].sockets[0].getsockname()[1], flush=True)
        stdin = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
        while not stdin.done():
            await asyncio.sleep(1)
            now = clock()
            feed.stored([(site.id, Reading(name, "pm25", now, 1.0)) for name in names])
            feed.stored([(site.id, Reading(STAMP, "pm25", now, time.monotonic()))])
            feed.flush()
        usage = resource.getrusage(resource.RUSAGE_SELF)
        print(usage.ru_utime + usage.ru_stime, usage.ru_maxrss, feed.dropped, flush=True)
        feed.close()
        server.should_exit = True
        await serving
    await store.close()


async def _client(port: int, delays: list[float], until: float) -> tuple[int, int]:
    """(events, gaps between their ids) until that moment."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(REQUEST)
    events, gaps, last = 0, 0, 0
    try:
        async with asyncio.timeout_at(until):
            while line := await reader.readline():
                if line.startswith(b"id: "):
                    number = int(line.rpartition(b"-")[2])
                    gaps += bool(last) and number != last + 1
                    last, events = number, events + 1
                elif (at := line.find(STAMP.encode())) >= 0:
                    value = line[line.index(b'"value":', at) + 8 :].partition(b",")[0]
                    delays.append(time.monotonic() - float(value))
    except TimeoutError:
        pass
    writer.close()
    return events, gaps


async def _listen(port: int) -> tuple[list[tuple[int, int]], list[float]]:
    delays: list[float] = []
    deaf, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
    writer.write(REQUEST)
    until = asyncio.get_running_loop().time() + SECONDS
    heard = await asyncio.gather(*(_client(port, delays, until) for _ in range(CLIENTS)))
    writer.close()
    del deaf
    return list(heard), sorted(delays)


def measure() -> Heard:
    """Start the server, listen with every client, stop it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 4 * CLIENTS)), hard))
    with (
        tempfile.TemporaryDirectory() as directory,
        subprocess.Popen(
            [sys.executable, "-m", "bench.live", "--serve", directory],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as server,
    ):
        assert server.stdin is not None
        assert server.stdout is not None
        port = int(server.stdout.readline())
        heard, delays = asyncio.run(_listen(port))
        server.stdin.close()
        cpu_s, rss_kb, _ = server.stdout.readline().split()
    return Heard(
        clients=len(heard),
        events=min(events for events, _ in heard),
        gaps=sum(gaps for _, gaps in heard),
        p50_ms=1000 * delays[len(delays) // 2],
        p99_ms=1000 * delays[len(delays) * 99 // 100],
        worst_ms=1000 * delays[-1],
        cpu=float(cpu_s) / SECONDS,
        rss_mb=int(rss_kb) / 1024,
    )


def main() -> None:
    """Measure and print; with --serve be the server."""
    parser = argparse.ArgumentParser(prog="python -m bench.live", description=__doc__)
    parser.add_argument("--serve", type=Path)
    chosen = parser.parse_args()
    if chosen.serve is not None:
        asyncio.run(serve(chosen.serve))
        return
    print(report(measure()))


def report(heard: Heard) -> str:
    """In two lines."""
    return (
        f"live stream, {heard.clients} clients and one that never reads, {SENSORS} sensors a second, {SECONDS} s:\n"
        f"  events each at least {heard.events}, gaps {heard.gaps}, flush to client p50 {heard.p50_ms:.0f} ms, p99"
        f" {heard.p99_ms:.0f} ms, worst {heard.worst_ms:.0f} ms; server {heard.cpu:.0%} of a core, {heard.rss_mb:.0f} MB"
    )


if __name__ == "__main__":
    main()
