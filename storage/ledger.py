"""The ledger: of every sensor and hour what was due, read, accepted, and what became of it. A query, not a counter.

It lays side by side what gateways account for (manifests), what the store counts, what is in quarantine and who was to
report; whatever arrives later corrects it the next time somebody asks. Times are ms since 1970 UTC, hours those of UTC.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from storage import retirement
from storage.amendments import Pages, merged
from storage.book import Book
from storage.facts import KEEP_DAYS, facts
from storage.inventory import Inventory, SensorPeriod
from storage.manifests import ManifestRow
from storage.quarantine import Quarantine
from storage.store import Store
from telemetry.anomaly import AnomalyKind, Severity
from telemetry.quantities import Aggregate
from telemetry.times import DAY_MS, HOUR_MS

TOLD_LATE_MS = 300_000  # a manifest may come so long after its hour's end
GATEWAYS = 10_000
WHOLE = 0.98  # a manifest that expects less than this of what the period promises may be a part

Key = tuple[str, int]  # (sensor, hour_ms)


class Figures(msgspec.Struct, frozen=True):
    """Readings, but for `bad`: frames. Nothing is known of `read` and `accepted` (None) before the gateway has told.

    expected     what would have come, None: event-driven
    read         what the sensor has said; accepted: what the gateway's journal took; duplicate: what it had already
    stored       in the store now; quarantined: set aside now; late: of the accepted, observed a minute before or more
    invalid      of the stored: in a period that an operator has declared invalid
    good         of the expected: stored and valid; what came beyond it in one hour of one sensor makes up for no other
    given_up     removed from a full journal before it was sent
    lost         accepted and gone: given up, or not here when the gateway was retired
    pending      accepted (or, estimated, expected) and not here yet, while the gateway lives
    estimated    how many of the hours have no (whole) manifest: `expected`, and what follows from it, is by the period
    """

    expected: int | None = 0
    read: int | None = 0
    bad: int = 0
    accepted: int | None = 0
    duplicate: int = 0
    stored: int = 0
    quarantined: int = 0
    invalid: int = 0
    good: int = 0
    late: int = 0
    given_up: int = 0
    lost: int = 0
    pending: int = 0
    estimated: int = 0
    hours: int = 1

    @property
    def completeness(self) -> float | None:
        """The share of what was expected that is stored and valid; None when nothing was expected or can be."""
        return self.good / self.expected if self.expected else None


class LedgerRow(msgspec.Struct, frozen=True):
    """One sensor's hour."""

    sensor: str
    site: str
    gateway: str
    hour_ms: int
    figures: Figures


class Promise(msgspec.Struct, frozen=True):
    """What the inventory says of a sensor's hour; `expected` by its period, None: event-driven."""

    site: str
    gateway: str
    expected: int | None


def figures(
    told: Sequence[ManifestRow],
    *,
    stored: int,
    quarantined: int,
    promised: int | None,
    retired: bool,
    may_be_partial: bool,
    invalid: int = 0,
    foreign: int = 0,
) -> Figures:
    """The figures of one sensor's hour. Pure. `may_be_partial`: a life of the agent may have told nothing of this hour.

    `foreign`: of those in quarantine, what another gateway has sent that has not accounted for it: it makes up for nothing.
    """
    here = stored + quarantined - foreign
    if not told:
        missing = max(0, (promised or 0) - here)
        return Figures(
            expected=promised,
            read=None,
            accepted=None,
            stored=stored,
            quarantined=quarantined,
            invalid=invalid,
            good=min(stored - invalid, promised or 0),
            lost=missing if retired else 0,
            pending=0 if retired else missing,
            estimated=1,
        )
    accepted = sum(one.accepted for one in told)
    due = [one.expected for one in told if one.expected is not None]
    expected = sum(due) if due else None
    given_up = sum(one.given_up for one in told)
    partial = here > accepted or bool(
        may_be_partial and promised and expected is not None and expected < WHOLE * promised
    )
    missing = max(0, accepted - here)
    if partial and promised and expected is not None:
        untold = max(0, promised - expected)
        missing += max(0, untold - max(0, here - accepted))
        expected = max(expected, promised)
    gone = missing if retired else min(given_up, missing)
    return Figures(
        expected=expected,
        read=sum(one.read for one in told),
        bad=sum(one.bad for one in told),
        accepted=accepted,
        duplicate=sum(one.duplicate for one in told),
        stored=stored,
        quarantined=quarantined,
        invalid=invalid,
        good=min(stored - invalid, expected or 0),
        late=sum(one.late for one in told),
        given_up=given_up,
        lost=gone,
        pending=missing - gone,
        estimated=int(partial),
    )


def total(parts: Iterable[Figures]) -> Figures:
    """Several hours or sensors as one; what is unknown in some counts as what is known in the others."""
    sums: dict[str, int] = defaultdict(int)
    known: set[str] = set()
    for part in parts:
        for name in part.__struct_fields__:
            value = getattr(part, name)
            if value is not None:
                known.add(name)
                sums[name] += value
    found = {name: sums[name] if name in known else None for name in Figures.__struct_fields__}
    return msgspec.convert(found, Figures) if known else Figures(hours=0)


def promises(
    periods: Iterable[SensorPeriod], gone: Mapping[str, int], start_ms: int, end_ms: int
) -> dict[Key, Promise]:
    """What the inventory lets expect of each sensor and hour in [start_ms, end_ms). Pure.

    `gone` says since when a gateway is retired or shut down.
    """
    found: dict[Key, Promise] = {}
    for period in periods:
        ends = [end_ms, period.until_ms, period.retired_ms, gone.get(period.gateway)]
        low, high = max(start_ms, period.since_ms), min(end for end in ends if end is not None)
        for hour_ms in range(low - low % HOUR_MS, high, HOUR_MS):
            watched_ms = min(high, hour_ms + HOUR_MS) - max(low, hour_ms)
            each = len(period.sensor.quantities)
            due = (
                round(watched_ms / (period.sensor.period_s * 1000) * each)
                if period.sensor.period_s > 0
                else None
            )
            known = found.get((period.sensor.id, hour_ms))
            if known is not None and known.expected is not None and due is not None:
                due += known.expected
            found[period.sensor.id, hour_ms] = Promise(period.site, period.gateway, due)
    return found


async def ledger(
    store: Store, book: Book, start_ms: int, end_ms: int, *, now_ms: int, sensor: str | None = None
) -> list[LedgerRow]:
    """The hours that begin in [start_ms, end_ms), by sensor and hour; raises what book and store raise."""
    kept_days = int(facts(book).get(KEEP_DAYS, "0"))
    if kept_days:  # what the store has forgotten is not lost
        start_ms = max(start_ms, now_ms - kept_days * DAY_MS + HOUR_MS)
    low, high = -(-start_ms // HOUR_MS) * HOUR_MS, -(-end_ms // HOUR_MS) * HOUR_MS
    if low >= high:
        return []
    stored = await store.count_windows(low, high, window_ms=HOUR_MS)
    told: dict[Key, list[ManifestRow]] = defaultdict(list)
    for one in book.manifests(low, high, sensor=sensor):
        told[one.sensor, one.hour_ms].append(one)
    with book.reading() as database:
        aside, foreign = Quarantine(database).readings(low, high), Quarantine(database).foreign(low, high)
        retired = retirement.retired(database)
        last_told = retirement.last_told(database)
        periods = Inventory(database).periods(low, high)
        sites = {row.id: row.site for row in Inventory(database).gateways()}
        homes = {row.id: (row.site, row.gateway) for row in Inventory(database).sensors()}
    shut_down = {
        one.sensor: one.start_ms
        for one in book.anomalies(kind=AnomalyKind.GATEWAY, open_only=True, limit=GATEWAYS)
        if one.severity is Severity.INFO  # in order: it collects nothing meanwhile
    }
    promised = promises(periods, shut_down | retired, low, min(high, now_ms))
    keys = sorted(key for key in {*stored, *told, *aside, *promised} if sensor in (None, key[0]))
    invalid = await _invalid(store, book, low, high, keys)
    rows = []
    for key in keys:
        promise, manifests = promised.get(key), told.get(key, [])
        gateways = {one.gateway for one in manifests} | ({promise.gateway} if promise is not None else set())
        strange = sum(number for sender, number in foreign.get(key, {}).items() if sender not in gateways)
        site, gateway = homes.get(key[0], ("", ""))
        if promise is not None:
            site, gateway = promise.site, promise.gateway
        elif manifests:
            gateway = manifests[0].gateway
            site = sites.get(gateway, site)
        is_retired = bool(gateways) and gateways <= retired.keys()
        running = key[1] + HOUR_MS + TOLD_LATE_MS > now_ms
        last = is_retired and any(key[1] >= last_told.get(one, 0) for one in gateways)
        rows.append(
            LedgerRow(
                key[0],
                site,
                gateway,
                key[1],
                figures(
                    manifests,
                    invalid=invalid.get(key, 0),
                    foreign=strange,
                    stored=stored.get(key, 0),
                    quarantined=aside.get(key, 0),
                    promised=promise.expected if promise is not None else None,
                    retired=is_retired,
                    may_be_partial=running or last,
                ),
            )
        )
    return rows


async def _invalid(store: Store, book: Book, low: int, high: int, keys: Iterable[Key]) -> dict[Key, int]:
    """Stored readings in invalid periods: of those for every quantity by the hour, of the others quantity by quantity."""
    found: dict[Key, int] = defaultdict(int)
    known = Pages(book).amendments(None).invalid
    for sensor in sorted({key[0] for key in keys} & known.keys()):
        whole = merged((one for one in known[sensor] if not one.quantity), low, high)
        for start_ms, end_ms in whole:
            counts = await store.count_windows(start_ms, end_ms, window_ms=HOUR_MS)
            for (counted, hour_ms), number in counts.items():
                if counted == sensor:
                    found[sensor, hour_ms] += number
        for quantity in sorted({one.quantity for one in known[sensor]} - {""}):
            parts = merged((one for one in known[sensor] if one.quantity == quantity), low, high)
            for start_ms, end_ms in without(parts, whole):
                for bucket in await store.aggregate(
                    [sensor], quantity, start_ms, end_ms, window_ms=HOUR_MS, function=Aggregate.COUNT
                ):
                    found[sensor, bucket.start_ms] += bucket.count
    return found


def without(parts: Sequence[tuple[int, int]], taken: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """What of `parts` is not `taken`; both ascending and apart. Pure."""
    left = list(parts)
    for low, high in taken:
        cut = [piece for start, end in left for piece in ((start, min(end, low)), (max(start, high), end))]
        left = [(start, end) for start, end in cut if start < end]
    return left
