"""Run as a program: a file size limit stands for a full disk, and is lifted again. For test_embedded."""

import asyncio
import resource
import sys
from pathlib import Path

from runtime.log import configure
from storage.embedded import EmbeddedStore
from storage.store import Columns, StoreUnavailableError
from telemetry.reading import Reading

ROWS = 1000
LIMIT = 3_000_000


def batch(number: int) -> Columns:
    columns = Columns()
    for row in range(number * ROWS, (number + 1) * ROWS):
        columns.append("bai-chay", Reading("dust-1", "pm25", row * 977 % 1_000_003, row**0.5), 0, None)
    return columns


async def main(path: Path, checkpoint_wal: str) -> None:
    """Prints the first failure while six readers look on, then how many rows are missing when there is room again."""
    configure(process="test")
    store = EmbeddedStore(path, clock=lambda: 0, checkpoint_wal=checkpoint_wal)
    await store.open()
    resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, resource.RLIM_INFINITY))
    number = 0
    failed: list[BaseException] = []
    while not failed:
        results = await asyncio.gather(
            store.write(batch(number)), *(store.count(0, 2_000_000) for _ in range(6)), return_exceptions=True
        )
        failed = [result for result in results if isinstance(result, BaseException)]
        number += not failed
    if not all(isinstance(error, StoreUnavailableError) for error in failed):
        raise failed[0]
    print(failed[0])
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    for later in range(number, number + 3):
        await store.write(batch(later))
    counted = await store.count(0, 2_000_000)
    print(counted["dust-1", "pm25"] - (number + 3) * ROWS)
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
