"""A real influxd whose disk is full: it refuses, shows what it refused, and forgets it; whoever tries again loses nothing."""

import asyncio
import resource
import signal
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from halong.influxd import command
from halong.installation import free_port
from storage.influx import InfluxStore
from storage.influx_http import InfluxUrl
from storage.store import Columns, StoreUnavailableError
from telemetry.reading import Reading

T0 = 1_760_000_000_000
EVERYTHING = 0, T0 * 2
UNLIMITED = resource.RLIM_INFINITY, resource.RLIM_INFINITY

pytestmark = [pytest.mark.influxd, pytest.mark.timeout(120)]


class Server:
    """An influxd that can be killed and comes again on the same files."""

    def __init__(self, directory: Path) -> None:
        self.port = free_port()
        self._command = command(self.port, free_port(), directory)
        self._log = directory / "influxd.log"
        self.start()

    def start(self) -> None:
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(self._command, stdout=log, stderr=log)

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def limit(self, soft: tuple[int, int]) -> None:
        """How long its files may become: EFBIG stands for ENOSPC."""
        resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, soft)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    one = Server(tmp_path)
    yield one
    one.kill()


def batch(number: int) -> Columns:
    columns = Columns()
    for row in range(100):
        columns.append("bai-chay", Reading("pm-1", "pm25", T0 + number * 100_000 + row, float(row)), 0, None)
    return columns


async def stored(store: InfluxStore) -> int:
    return sum((await store.count(*EVERYTHING)).values())


async def write(store: InfluxStore, columns: Columns) -> None:
    """As ingest does: until the store takes it."""
    for _ in range(600):
        try:
            await store.write(columns)
        except StoreUnavailableError:
            await asyncio.sleep(0.05)
        else:
            return
    raise AssertionError("the server does not come back")


async def test_a_full_disk_loses_nothing_and_doubles_nothing(server: Server) -> None:
    store = InfluxStore(InfluxUrl.parse(f"http://127.0.0.1:{server.port}/full"))
    for _ in range(600):
        try:
            await store.open()
        except StoreUnavailableError:
            await asyncio.sleep(0.05)
        else:
            break
    try:
        await write(store, batch(0))
        server.limit((1, resource.RLIM_INFINITY))
        with pytest.raises(StoreUnavailableError, match="error writing WAL entry"):
            await store.write(batch(1))
        assert await stored(store) == 200  # it shows what it has refused
        server.limit(UNLIMITED)
        with pytest.raises(StoreUnavailableError, match="error writing WAL entry"):
            await store.write(batch(1))  # and does not recover by itself
        server.kill()
        server.start()
        await write(store, batch(1))
        await write(store, batch(2))
        assert await stored(store) == 300
        server.kill()
        server.start()
        await write(store, batch(2))
        assert await stored(store) == 300
    finally:
        await store.close()
