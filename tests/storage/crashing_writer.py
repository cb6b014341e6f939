"""Run as a program: writes batches for ever and says after each how many rows are durable. For test_embedded."""

import asyncio
import itertools
import sys
from pathlib import Path

from storage.embedded import EmbeddedStore
from storage.store import Columns
from telemetry.reading import Reading

ROWS = 50


async def main(path: Path, checkpoint_wal: str, first: int) -> None:
    store = EmbeddedStore(path, clock=lambda: 0, checkpoint_wal=checkpoint_wal)
    await store.open()
    for batch in itertools.count(first):
        columns = Columns()
        for row in range(batch * ROWS, (batch + 1) * ROWS):
            columns.append("bai-chay", Reading(f"dust-{batch % 7}", "pm25", row, row / 3), 0, None)
        await store.write(columns)
        sys.stdout.write(f"{(batch + 1) * ROWS}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 0))
