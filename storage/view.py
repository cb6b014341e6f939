"""The store as it is to be read: corrections applied, invalid periods marked, and left out of aggregates.

What nothing is known about goes straight to the store. Where a window lies whole in one correction its aggregate is
transformed; only windows that a correction or an invalid period cuts, or that need a humidity for every reading, are
computed here from the readings, in bounded pages. Writing, counting and scanning are the store's own: raw.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Sequence

from storage.amendments import Amendments, Pages
from storage.book import Book, BookUnavailableError
from storage.runs import Run, corrected, runs, transformed
from storage.store import Bucket, Columns, Outcome, Series, Store
from telemetry import aggregates
from telemetry.corrections import NEAR_MS, Correction, nearest
from telemetry.quantities import Aggregate
from telemetry.reading import Flag, Reading

HUMIDITY = "humidity"
PAGE = 50_000  # readings in memory at once, or those of one window

Humidity = Callable[[Correction, Reading], float | None]


class View:
    """`storage.store.Store` over the store `raw` and the book's amendments; may raise BookUnavailableError as well."""

    def __init__(self, raw: Store, book: Book) -> None:
        self.raw = raw
        self._pages = Pages(book)
        self._known: Amendments | None = None

    def _amendments(self) -> Amendments:
        self._known = self._pages.amendments(self._known)
        return self._known

    def version(self) -> int:
        """Another number after every change of corrections or invalid periods; may raise BookUnavailableError."""
        return self._amendments().version

    async def open(self) -> None:
        """See Store."""
        await self.raw.open()

    async def close(self) -> None:
        """See Store."""
        await self.raw.close()

    async def ping(self) -> None:
        """See Store."""
        await self.raw.ping()

    async def write(self, columns: Columns) -> Outcome:
        """See Store."""
        return await self.raw.write(columns)

    async def series(self) -> list[Series]:
        """See Store."""
        return await self.raw.series()

    async def count(self, start_ms: int, end_ms: int) -> dict[tuple[str, str], int]:
        """Raw."""
        return await self.raw.count(start_ms, end_ms)

    async def count_windows(
        self, start_ms: int, end_ms: int, *, window_ms: int
    ) -> dict[tuple[str, int], int]:
        """Raw."""
        return await self.raw.count_windows(start_ms, end_ms, window_ms=window_ms)

    def rows(self, start_ms: int, end_ms: int) -> AsyncIterator[Columns]:
        """Raw."""
        return self.raw.rows(start_ms, end_ms)

    def scan(self, start_ms: int, end_ms: int) -> AsyncIterator[list[Reading]]:
        """Raw."""
        return self.raw.scan(start_ms, end_ms)

    async def latest(self, since_ms: int) -> list[Reading]:
        """Corrected and marked; a correction for humidity looks at what else is the latest."""
        found = await self.raw.latest(since_ms)
        known = self._amendments()
        humid = _humid(found, known)
        return [_amended(reading, known, _at_hand(humid.get)) for reading in found]

    def live(
        self, items: Sequence[tuple[str, Reading]], newest: Callable[[str], Reading | None]
    ) -> list[tuple[str, Reading]]:
        """(site, reading) pairs as they are to be shown; humidities are among them, or the `newest` of a sensor."""
        try:
            known = self._amendments()
        except BookUnavailableError:  # the stream goes on with what was last known
            if (last := self._known) is None:
                return list(items)
            known = last
        if not known.corrections and not known.invalid:
            return list(items)
        humid = _humid((reading for _, reading in items), known)
        at_hand = _at_hand(lambda sensor: humid.get(sensor) or newest(sensor))
        return [(site, _amended(reading, known, at_hand)) for site, reading in items]

    async def readings(
        self, sensor: str, quantity: str, start_ms: int, end_ms: int, *, limit: int, descending: bool = False
    ) -> list[Reading]:
        """Corrected, with Flag.CORRECTED; invalid ones carry Flag.INVALID."""
        rows = await self.raw.readings(sensor, quantity, start_ms, end_ms, limit=limit, descending=descending)
        return await self._amend(sensor, quantity, rows)

    async def _amend(self, sensor: str, quantity: str, rows: Sequence[Reading]) -> list[Reading]:
        known = self._amendments()
        if not rows or (not known.invalid.get(sensor) and (sensor, quantity) not in known.corrections):
            return list(rows)
        low, high = sorted((rows[0].observed_at, rows[-1].observed_at))
        humid: dict[str, tuple[list[Reading], list[int]]] = {}
        for one in known.corrections.get((sensor, quantity), ()):
            if one.touches(low, high + 1) and not one.correction.linear:
                source = one.correction.humidity or sensor
                found = await self._humidity(source, low - NEAR_MS, high + NEAR_MS + 1)
                humid[source] = found, [reading.observed_at for reading in found]

        def humidity(correction: Correction, reading: Reading) -> float | None:
            return nearest(*humid[correction.humidity or sensor], reading.observed_at)

        return [_amended(row, known, humidity) for row in rows]

    async def _humidity(self, sensor: str, start_ms: int, end_ms: int) -> list[Reading]:
        found: list[Reading] = []
        while True:
            page = await self.readings(sensor, HUMIDITY, start_ms, end_ms, limit=PAGE)
            found += page
            if len(page) < PAGE:
                return [one for one in found if not one.flags & Flag.INVALID]
            start_ms = page[-1].observed_at + 1

    async def aggregate(
        self,
        sensors: Sequence[str],
        quantity: str,
        start_ms: int,
        end_ms: int,
        *,
        window_ms: int,
        function: Aggregate,
        offset_ms: int = 0,
    ) -> list[Bucket]:
        """Of corrected values, without invalid ones and without those that cannot be corrected."""
        known = self._amendments()
        plain = [sensor for sensor in sensors if not _concern(known, sensor, quantity, start_ms, end_ms)]
        buckets = (
            await self.raw.aggregate(
                plain, quantity, start_ms, end_ms, window_ms=window_ms, function=function, offset_ms=offset_ms
            )
            if plain
            else []
        )
        for sensor in sorted(set(sensors) - set(plain)):
            invalid = [p for p in known.invalid.get(sensor, ()) if p.quantity in ("", quantity)]
            corrections = known.corrections.get((sensor, quantity), [])
            periods = [(p.start_ms, p.end_ms) for p in invalid]
            for run in runs(start_ms, end_ms, window_ms, offset_ms, corrections, periods):
                made = None if run.exact else transformed(function, run.correction)
                if made is None:
                    buckets += await self._exact(sensor, quantity, run, window_ms, function, offset_ms)
                    continue
                asked, correction = made
                buckets += [
                    Bucket(
                        bucket.sensor, bucket.start_ms, corrected(function, correction, bucket), bucket.count
                    )
                    for bucket in await self.raw.aggregate(
                        [sensor],
                        quantity,
                        run.start_ms,
                        run.end_ms,
                        window_ms=window_ms,
                        function=asked,
                        offset_ms=offset_ms,
                    )
                ]
        return sorted(buckets, key=lambda bucket: (bucket.sensor, bucket.start_ms))

    async def _exact(
        self, sensor: str, quantity: str, run: Run, window_ms: int, function: Aggregate, offset_ms: int
    ) -> list[Bucket]:
        """From the readings themselves, page by page; a window's values are in memory until it is whole."""
        buckets: list[Bucket] = []
        values: list[float] = []
        window: int | None = None
        low, known = run.start_ms, self._amendments()
        while low < run.end_ms:
            page = await self.raw.readings(sensor, quantity, low, run.end_ms, limit=PAGE)
            for raw, row in zip(page, await self._amend(sensor, quantity, page), strict=True):
                start = raw.observed_at - (raw.observed_at - offset_ms) % window_ms
                if start != window:
                    buckets += _bucket(sensor, window, function, values)
                    window, values = start, []
                if not row.flags & Flag.INVALID and not _uncorrected(raw, row, known):
                    values.append(row.value)
            if len(page) < PAGE:
                break
            low = page[-1].observed_at + 1
        return buckets + _bucket(sensor, window, function, values)


def _concern(known: Amendments, sensor: str, quantity: str, start_ms: int, end_ms: int) -> bool:
    return any(
        p.quantity in ("", quantity) and p.touches(start_ms, end_ms) for p in known.invalid.get(sensor, ())
    ) or any(one.touches(start_ms, end_ms) for one in known.corrections.get((sensor, quantity), ()))


def _bucket(sensor: str, start_ms: int | None, function: Aggregate, values: Sequence[float]) -> list[Bucket]:
    value = aggregates.aggregate(function, values)
    return (
        [Bucket(sensor, start_ms, value, len(values))] if start_ms is not None and value is not None else []
    )


def _humid(readings: Iterable[Reading], known: Amendments) -> dict[str, Reading]:
    """The valid humidities among the readings, by sensor; their own corrections need none."""
    amended = (_amended(one, known, lambda *_: None) for one in readings if one.quantity == HUMIDITY)
    return {one.sensor: one for one in amended if not one.flags & Flag.INVALID}


def _at_hand(newest: Callable[[str], Reading | None]) -> Humidity:
    """The humidity of a correction, from the newest of each sensor."""

    def humidity(correction: Correction, at: Reading) -> float | None:
        found = newest(correction.humidity or at.sensor)
        return (
            found.value if found is not None and abs(found.observed_at - at.observed_at) <= NEAR_MS else None
        )

    return humidity


def _amended(reading: Reading, known: Amendments, humidity: Humidity) -> Reading:
    """The reading as it is to be read. One that cannot be corrected keeps its value, without Flag.CORRECTED."""
    flags, value = reading.flags, reading.value
    for period in known.invalid.get(reading.sensor, ()):
        if period.quantity in ("", reading.quantity) and period.holds(reading.observed_at):
            flags |= Flag.INVALID
    for one in known.corrections.get(reading.series, ()):
        if one.holds(reading.observed_at):
            wet = None if one.correction.linear else humidity(one.correction, reading)
            corrected = one.correction.apply(reading.value, wet)
            if corrected is not None:
                value, flags = corrected, flags | Flag.CORRECTED
    if value == reading.value and flags == reading.flags:
        return reading
    return Reading(*reading.key, value, int(flags))


def _uncorrected(raw: Reading, row: Reading, known: Amendments) -> bool:
    """Whether a correction holds that could not be applied."""
    return not row.flags & Flag.CORRECTED and any(
        one.holds(raw.observed_at) for one in known.corrections.get(raw.series, ())
    )
