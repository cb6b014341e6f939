"""Moving every reading from one store to another: in pieces by time, resumable, counted series by series at the end.

Writing a reading again changes nothing, so a move may be broken off anywhere and begun again.
"""

import asyncio
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Protocol

import msgspec

from storage.batch import TIME_MAX_MS
from storage.store import Columns, Rejected, Store, StoreMisconfiguredError, StoreUnavailableError

SAVE_EVERY = 20  # pieces
PATIENCE_S = 600.0  # a store that is away so long ends the move


class Progress(msgspec.Struct):
    """How far a run of `move` has come: all before `done_ms` is moved. `move` names it without its secrets."""

    move: str
    done_ms: int


class Moved(NamedTuple):
    """What came of it. `wrong`: (sensor, quantity) to the rows in the source and in the destination, where they differ."""

    rows: int
    refused: int
    first_refusal: str
    series: int
    wrong: dict[tuple[str, str], tuple[int, int]]


class Tell(Protocol):
    """Hears rows moved so far, rows in all, and what is waited for ("" for nothing)."""

    def __call__(self, done: int, total: int, waiting: str) -> None:
        """See the class."""
        ...


def name(source: str, dest: str) -> str:
    """Tells moves apart."""
    return hashlib.sha256(f"{source}\n{dest}".encode()).hexdigest()[:16]


def resumed(path: Path, move: str) -> int:
    """Where an earlier run of the same move stopped, ms; 0 when there was none."""
    try:
        known = msgspec.json.decode(path.read_bytes(), type=Progress)
    except (OSError, msgspec.MsgspecError):
        return 0
    return known.done_ms if known.move == move else 0


async def move(
    source: Store, dest: Store, *, start_ms: int, save: Callable[[int], None], tell: Tell
) -> Moved:
    """From `start_ms` on; `save` is given the time up to which all is moved. Raises StoreUnavailableError."""
    total = sum((await source.count(start_ms, TIME_MAX_MS)).values())
    done = pieces = 0
    refused: list[Rejected] = []
    number = 0

    def waiting(words: str) -> None:
        tell(done, total, words)

    async for columns in source.rows(start_ms, TIME_MAX_MS):
        if not len(columns):
            continue
        outcome = await _insist(dest, columns, waiting)
        number += len(outcome)
        refused = refused or outcome
        done += len(columns)
        pieces += 1
        tell(done, total, "")
        if pieces % SAVE_EVERY == 0:
            save(max(columns.observed_at))
    there = await source.count(0, TIME_MAX_MS)
    here = await dest.count(0, TIME_MAX_MS)
    wrong = {key: (rows, here.get(key, 0)) for key, rows in there.items() if here.get(key, 0) != rows}
    return Moved(done, number, refused[0].reason if refused else "", len(there), wrong)


async def _insist(dest: Store, columns: Columns, waiting: Callable[[str], None]) -> list[Rejected]:
    waited = 0.0
    while True:
        try:
            return list((await dest.write(columns)).rejected)
        except StoreMisconfiguredError:
            raise
        except StoreUnavailableError as error:
            if waited >= PATIENCE_S:
                raise
            waiting(str(error))
            wait_s = max(1.0, error.retry_after_s)
            waited += wait_s
            await asyncio.sleep(wait_s)
