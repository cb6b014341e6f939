"""What is usual for a series, asked of the book: as the detectors had learned it when they last wrote down what they remember."""

from datetime import UTC, datetime

import numpy as np

from ingest import memory
from ingest.calendar import holidays_vn, names_vn
from ingest.profile import Band
from ingest.survey import Survey
from storage import snapshots
from storage.book import Book
from telemetry.quantities import QUANTITIES
from telemetry.times import CITY_OFFSET_MS, HOUR_MS
from telemetry.usual import UsualHour

Edges = tuple[float | None, float | None, float | None]
_NOTHING: Edges = (None, None, None)


def hours(book: Book, sensor: str, quantity: str, start_ms: int, end_ms: int) -> list[UsualHour]:
    """Every hour that touches [start_ms, end_ms), past or to come. Raises BookUnavailableError."""
    starts = np.arange(start_ms - start_ms % HOUR_MS, end_ms, HOUR_MS, dtype=np.int64)
    days = [datetime.fromtimestamp((at + CITY_OFFSET_MS) / 1000, UTC).date() for at in starts.tolist()]
    survey = Survey(holidays_vn({day.year for day in days}))
    with book.reading() as database:
        kept = snapshots.of(database, sensor, quantity)
    survey.load((one, of, memory.parts(state)[1]) for one, of, state in kept)
    band = survey.usual(sensor, quantity, starts + HOUR_MS // 2)
    edges = _edges(quantity, band) if band is not None else [_NOTHING] * len(days)
    return [
        UsualHour(at, low, expected, high, *names_vn(day))
        for at, day, (low, expected, high) in zip(starts.tolist(), days, edges, strict=True)
    ]


def _edges(quantity: str, band: Band) -> list[Edges]:
    """Inside what is physically possible."""
    possible = QUANTITIES[quantity]
    columns = [np.clip(edge, possible.low, possible.high).tolist() for edge in band]
    return [
        _NOTHING if np.isnan(expected) else (round(low, 6), round(expected, 6), round(high, 6))
        for low, expected, high in zip(*columns, strict=True)
    ]
