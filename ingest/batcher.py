"""Packets from the inbox to the next batch."""

import asyncio
from itertools import count

from ingest.batch import Batch
from ingest.intake import Intake
from ingest.receive import Inbox

BATCH_READINGS = 20_000  # several requests of InfluxDB's best size, side by side
PACKETS_IN_A_ROW = 16
COMMIT_EVERY_S = (
    0.1  # a batch gathers so long after the one before it; commits cost a disk more than readings do
)
HURRY_BYTES = 256 * 1024  # so much in the queue fills a batch: no gathering


class Batcher:
    """`trusted` is set while the hub trusts its clock: else packets wait."""

    def __init__(self, inbox: Inbox, intake: Intake, trusted: asyncio.Event) -> None:
        self._inbox, self._intake, self._trusted = inbox, intake, trusted
        self._next_commit = 0.0

    async def next(self) -> Batch:
        """Whatever is queued, at most BATCH_READINGS, not sooner than COMMIT_EVERY_S after the one before."""
        loop = asyncio.get_running_loop()
        await self._inbox.wait()
        await self._trusted.wait()
        if self._inbox.bytes < HURRY_BYTES:
            await asyncio.sleep(max(0.0, self._next_commit - loop.time()))
        self._next_commit = loop.time() + COMMIT_EVERY_S
        batch, packets = Batch(), count(1)
        while len(batch) < BATCH_READINGS and (packet := self._inbox.pop()) is not None:
            if not self._intake.add(packet, batch):
                self._inbox.hold(packet)
            if next(packets) % PACKETS_IN_A_ROW == 0:
                await asyncio.sleep(0)  # decoding a full batch takes tens of milliseconds: let others work
        return batch
