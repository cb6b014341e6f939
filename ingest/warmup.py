"""What a series' detectors are taught from the store at the start, when nothing is remembered of it."""

from itertools import pairwise

from ingest.detectors.stuck import CHANGES
from storage.store import Store
from telemetry.reading import Reading
from telemetry.times import DAY_MS

WARM_UP_MS = 1_800_000
WARM_UP_READINGS = 200


async def lately(store: Store, last: Reading, now_ms: int) -> list[Reading]:
    """The readings of the last half hour up to `last`, 200 at most, in time order. Where it stands still in them, and so whether
    that is usual cannot be known, also 200 of before: of where it still moved, up to a day ago.

    Raises StoreUnavailableError.
    """
    recent = await _before(store, last, now_ms - WARM_UP_MS, last.observed_at + 1)
    end_ms = recent[0].observed_at if recent else last.observed_at
    while not _moves(recent) and end_ms > now_ms - DAY_MS:
        earlier = await _before(store, last, now_ms - DAY_MS, end_ms)
        if not earlier:
            break
        if _moves(earlier):
            return earlier + recent
        end_ms = 2 * earlier[0].observed_at - now_ms  # twice as long ago
    return recent


async def _before(store: Store, last: Reading, start_ms: int, end_ms: int) -> list[Reading]:
    readings = await store.readings(
        last.sensor, last.quantity, start_ms, end_ms, limit=WARM_UP_READINGS, descending=True
    )
    return readings[::-1]


def _moves(readings: list[Reading]) -> bool:
    """Whether it changes often enough for the stuck detector to have a measure."""
    values = [one.value for one in readings]
    return sum(a != b for a, b in pairwise(values)) >= CHANGES
