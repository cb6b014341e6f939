"""Reading the three sets back: the simulator's record, the journals by the verifier's own reader, the store as it stands.

The journal reader knows the schema of docs/journal.md and nothing of `edge`: a bug there cannot hide itself here.
"""

import json
import sqlite3
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, NamedTuple

from firmware_sim import truth
from halong.account import Gone, Timeless
from halong.pairing import Sequences, Window
from storage.store import Store
from telemetry import undatable
from telemetry.packs import decode_pack
from telemetry.reading import Reading
from telemetry.senml import SenmlError
from telemetry.times import HOUR_MS
from telemetry.topics import PackName
from telemetry.undatable import UndatablePack

UNDATABLE = "undatable"  # sent for the hub's quarantine
UNDATED = "waiting for a date"
GIVEN_UP = "given up, journal full"
UNDATED_GIVEN_UP = "given up before it had a date, journal full"
DAMAGED = "journal damaged"
FOR_EVER_MS = 2**62


class Emitted(NamedTuple):
    """What devices say they sent."""

    readings: Sequences
    periods_s: Mapping[str, float]
    windows: list[Window]
    sensors: frozenset[str]
    protocols: Mapping[str, str]


class Accepted(NamedTuple):
    """What the journals hold. `pack_of` names the pack that first carried a reading; `timeless` have no date, `gone` went."""

    readings: Sequences
    pack_of: Mapping[tuple[str, str, int], PackName]
    waiting: int
    damaged: int
    timeless: Sequence[Timeless] = ()
    gone: Sequence[Gone] = ()

    def count_timeless(self, cause: str) -> int:
        """Of those, how many for this reason."""
        return sum(one.cause == cause for one in self.timeless)


def read_emitted(records: Iterable[Path]) -> Emitted:
    """The records of any number of simulators; raises OSError, or ValueError for a line that is none."""
    readings = Sequences()
    periods: dict[str, float] = {}
    protocols: dict[str, str] = {}
    windows: list[Window] = []
    for path in records:
        record = truth.read(path)
        for device in record.devices:
            periods[device.sensor] = device.period_s
            protocols[device.sensor] = device.protocol
        for reading in record.readings:
            readings.add(reading.sensor, reading.quantity, reading.at, reading.value)
        windows += [Window(w.sensor, w.start, w.end, w.cause) for w in record.windows]
    return Emitted(readings, periods, windows, frozenset(periods), protocols)


def read_accepted(journals: Mapping[str, Path], *, since_ms: int = 0) -> Accepted:
    """The readings observed from `since_ms` on in the journals, by gateway; the same identity counts once.

    Raises ValueError for a file that is no journal.
    """
    readings = Sequences()
    pack_of: dict[tuple[str, str, int], PackName] = {}
    timeless: list[Timeless] = []
    gone: list[Gone] = []
    waiting = damaged = 0
    for gateway, path in journals.items():
        timeless += _undated(path)
        held: Counter[tuple[str, int]] = Counter()
        for journal, seq, acknowledged, found in _packs(path, since_ms):
            if found is None:
                damaged += 1
                continue
            waiting += not acknowledged
            if isinstance(found, UndatablePack):
                timeless += _undatable(found)
                continue
            held.update((r.sensor, r.observed_at - r.observed_at % HOUR_MS) for r in found)
            for reading in found:
                if reading.observed_at >= since_ms and reading.key not in pack_of:
                    pack_of[reading.key] = PackName(gateway, journal, seq)
                    readings.add(*reading.key, reading.value)
        gone += [*_gone(path, held, since_ms), *_gone_undated(path)]
    return Accepted(readings, pack_of, waiting, damaged, timeless, tuple(gone))


def _gone(path: Path, held: Mapping[tuple[str, int], int], since_ms: int) -> Iterator[Gone]:
    """What the tallies say was given up, and, beside a file that was set aside as damaged, what else they count and no pack
    holds: the most that can be missed."""
    query = "SELECT sensor, hour_ms, sum(accepted), sum(given_up) FROM tallies WHERE hour_ms > ? GROUP BY sensor, hour_ms"
    try:
        tallies = list(_rows(path, query, since_ms - HOUR_MS))
    except ValueError:  # a journal of an older version has no such table
        return
    damaged = any(path.parent.glob(f"{path.name}.damaged-*"))
    for sensor, hour_ms, accepted, given_up in tallies:
        missing = accepted - held.get((sensor, hour_ms), 0)
        if given_up:
            yield Gone(sensor, hour_ms, given_up, GIVEN_UP)
        if damaged and missing > given_up:
            yield Gone(sensor, hour_ms, missing - given_up, DAMAGED)


def _gone_undated(path: Path) -> Iterator[Gone]:
    query = "SELECT value FROM notes WHERE name = 'undated_given_up'"
    with suppress(ValueError):  # a journal of an older version has no such table
        for (number,) in _rows(path, query):
            yield Gone(None, None, number, UNDATED_GIVEN_UP)


def count_waiting(journals: Iterable[Path]) -> int:
    """Packs that no acknowledgement has named yet; a journal that is not there yet has none."""
    query = "SELECT count(*) FROM packs WHERE acknowledged_ms IS NULL"
    return sum(count for path in journals if path.exists() for (count,) in _rows(path, query))


def _packs(
    path: Path, since_ms: int
) -> Iterator[tuple[str, int, bool, Sequence[Reading] | UndatablePack | None]]:
    query = "SELECT journal, seq, acknowledged_ms IS NOT NULL, payload, crc FROM packs WHERE newest_ms >= ?"
    for journal, seq, acknowledged, payload, crc in _rows(path, query, since_ms):
        yield journal, seq, bool(acknowledged), _readings(payload, crc)


def _rows(path: Path, query: str, *parameters: object) -> Iterator[Any]:
    """Rows of a journal, opened for reading only; a file that its agent has only just made has none. Raises ValueError."""
    try:
        address = f"{path.absolute().as_uri()}?mode=ro"
        with closing(sqlite3.connect(address, uri=True, timeout=10)) as connection:
            if connection.execute("SELECT count(*) FROM sqlite_master").fetchone() != (0,):
                yield from connection.execute(query, parameters)
    except sqlite3.Error as error:
        raise ValueError(f"{path} cannot be read as a journal: {error}") from error


def _readings(payload: bytes, crc: int) -> Sequence[Reading] | UndatablePack | None:
    """What a pack holds; None when it is damaged."""
    if zlib.crc32(payload) != crc:
        return None
    try:
        content = zlib.decompress(payload)
    except zlib.error:
        return None
    try:
        return decode_pack(content).readings
    except SenmlError:
        return undatable.decode(content)


def _undatable(pack: UndatablePack) -> Iterator[Timeless]:
    for sensor, quantity, _, value, _ in pack.records:
        yield Timeless(sensor, quantity, value, pack.earliest_ms, pack.latest_ms, UNDATABLE)


def _undated(path: Path) -> Iterator[Timeless]:
    """What still waits for a date; a journal of an older version has no such table."""
    if not any(_rows(path, "SELECT 1 FROM sqlite_master WHERE name = 'undated'")):
        return
    for after_ms, payload, crc in _rows(path, "SELECT after_ms, payload, crc FROM undated"):
        if zlib.crc32(payload) == crc:
            for sensor, quantity, _, value, _ in json.loads(zlib.decompress(payload)):
                yield Timeless(sensor, quantity, value, after_ms or 0, FOR_EVER_MS, UNDATED)


async def read_stored(store: Store, start_ms: int, end_ms: int, sensors: frozenset[str]) -> Sequences:
    """Every stored row of these sensors as it stands, doubles included."""
    readings = Sequences()
    async for batch in store.scan(start_ms, end_ms):
        for reading in batch:
            if reading.sensor in sensors:
                readings.add(*reading.key, reading.value)
    return readings


def read_commits(trace: Path) -> dict[PackName, int]:
    """When each pack was first committed (ms), from ingest's trace; a line cut by a kill is skipped."""
    committed: dict[PackName, int] = {}
    if not trace.exists():
        return committed
    for line in trace.read_text(encoding="utf-8").splitlines():
        try:
            entry = json.loads(line)
            for gateway, journal, seq in entry["packs"]:
                committed.setdefault(PackName(gateway, journal, seq), entry["at"])
        except (json.JSONDecodeError, KeyError, ValueError, TypeError):
            continue
    return committed
