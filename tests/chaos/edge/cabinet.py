"""A street cabinet in virtual time: a real agent, its journal on a disk that keeps what was synced, the power switch."""

import asyncio
import shutil
import sqlite3
import tempfile
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from random import Random

from edge.agent import Agent
from edge.config import EdgeConfig
from edge.hostclock import Instant
from edge.journal import Journal
from edge.journalthread import JournalThread
from edge.outside import Outside
from edge.timekeeper import Timekeeper
from telemetry.packs import decode_pack
from tests.chaos.edge.centre import Centre
from tests.chaos.edge.street import Street
from tests.edge.powercut import Disk, Recorder

PAGE_BYTES = 4096
SETTLE_S = 60.0
MAX_MB = 1  # less than a configuration may say, so that a week is enough to fill it
Identity = tuple[str, str, int]


class GatewayHost:
    """A host that boots now. `wall_ms` is what its system clock says at boot, None: the truth."""

    def __init__(self, boot_id: str, street: Street, wall_ms: int | None) -> None:
        self.boot_id = boot_id
        self._street, self._began_ms = street, street.true_ms()
        self._wall_ms = self._began_ms if wall_ms is None else wall_ms
        self._synchronised = wall_ms is None

    def uptime_ms(self) -> int:
        return self._street.true_ms() - self._began_ms

    def instant(self) -> Instant:
        return Instant(self.uptime_ms(), self._wall_ms + self.uptime_ms())

    def synchronised(self) -> bool:
        return self._synchronised


class Cabinet:
    """`accepted` collects what the journal had committed whenever the power was cut."""

    def __init__(self, config: EdgeConfig, street: Street, centre: Centre, rng: Random) -> None:
        self._config, self._street, self._centre, self._rng = config, street, centre, rng
        self._path = Path(config.journal.path)
        self._host: GatewayHost | None = None
        self._boots = 0
        self._life: asyncio.Task[None] | None = None
        self._stop = asyncio.Event()
        self._disk: Recorder | None = None
        self._durable: Disk | None = None
        self.accepted: set[Identity] = set()

    def boot(self, wall_ms: int | None = None) -> None:
        """The power comes."""
        self._boots += 1
        self._host = GatewayHost(f"boot-{self._boots}", self._street, wall_ms)
        self.start()

    def start(self) -> None:
        """The agent starts in the boot that is."""
        self._stop = asyncio.Event()
        self._disk = Recorder(self._path.parent)
        self._durable = Disk(self._disk.files)
        self._life = asyncio.create_task(self._live(self._disk), name="agent")

    async def stop(self) -> None:
        """The agent stops in order."""
        assert self._life is not None
        self._stop.set()
        await self._life

    def fill_disk(self, full: bool) -> None:
        """No write succeeds; or again."""
        assert self._disk is not None
        self._disk.full = full

    async def cut_power(self) -> None:
        """Now. What was not synced is there, torn or not there."""
        assert self._disk is not None
        assert self._durable is not None
        assert self._life is not None
        self._settle()
        image = self._durable.image(self._rng)
        self.accepted |= self._committed()
        self._centre.dead()
        self._life.cancel()
        await asyncio.wait([self._life])
        for path in self._path.parent.iterdir():
            if ".damaged-" not in path.name:  # long since written, and nobody writes it any more
                path.unlink()
        for name, content in image.items():
            (self._path.parent / name).write_bytes(content)

    def tear_page(self) -> int:
        """One page of the stopped journal that holds packs turns into noise; how many packs were on it."""
        content = bytearray(self._path.read_bytes())
        site = self._config.site.id.encode()
        pages = range(PAGE_BYTES, len(content), PAGE_BYTES)
        leaves = [at for at in pages if content[at : at + PAGE_BYTES].count(site) > 2 and content[at] == 0x0A]
        at = self._rng.choice(leaves[len(leaves) * 2 // 3 :])  # the newer ones, which wait
        packs = content[at : at + PAGE_BYTES].count(site)
        content[at : at + PAGE_BYTES] = self._rng.randbytes(PAGE_BYTES)
        self._path.write_bytes(content)
        return packs

    async def _live(self, disk: Recorder) -> None:
        config, host = self._config, self._host
        assert host is not None
        timekeeper = Timekeeper(config.clock, host)
        journal = Journal(
            self._path,
            clock=timekeeper.now_ms,
            rng=self._rng,
            keep_days=config.journal.keep_days,
            max_mb=MAX_MB,
            connect=disk.connect,
        )
        outside = Outside(self._street.open_line, self._centre.keep_connected)
        journal.begin()
        settling = asyncio.create_task(self._follow())
        try:
            thread = JournalThread(journal, ThreadPoolExecutor(1))
            await Agent(config, thread, timekeeper=timekeeper, rng=self._rng, outside=outside).run(self._stop)
        finally:
            settling.cancel()
            journal.close()

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(SETTLE_S)
            self._settle()

    def _settle(self) -> None:
        """What is synced needs no history."""
        assert self._disk is not None
        assert self._durable is not None
        events = self._disk.events[:]
        for event in events:
            self._durable.happen(event)
        del self._disk.events[: len(events)]

    def _committed(self) -> set[Identity]:
        """What the journal's files hold, as after a kill: they are copied and read by nobody's code but SQLite's."""
        with tempfile.TemporaryDirectory() as aside:
            for path in self._path.parent.glob(f"{self._path.name}*"):
                if not path.name.endswith("-shm"):
                    shutil.copy(path, aside)
            with closing(sqlite3.connect(Path(aside) / self._path.name)) as db:
                payloads = {data for order in ("ASC", "DESC") for data in _payloads(db, order)}
        return {reading.key for data in payloads for reading in decode_pack(zlib.decompress(data)).readings}


def _payloads(db: sqlite3.Connection, order: str) -> Iterator[bytes]:
    """From one end up to what nobody can read."""
    try:
        for (data,) in db.execute(f"SELECT payload FROM packs ORDER BY journal {order}, seq {order}"):
            yield data
    except sqlite3.DatabaseError:
        return
