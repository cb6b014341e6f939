"""Writing lines to an InfluxDB: several requests at a time, those of one lane in order; bad lines found one by one."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence

from storage.influx_http import LinesRefusedError
from storage.lineprotocol import Lines, split
from storage.store import Rejected

_DROPPED = re.compile(r"\bdropped=(\d+)")
Send = Callable[[bytes], Awaitable[None]]


async def write_lanes(send: Send, lanes: Sequence[Lines]) -> list[Rejected]:
    """Every lane to its end, side by side; then the first error of any is raised.

    `send` puts one body into the database or raises LinesRefusedError. Repeating a write is harmless, so that lines may
    be sent again as often as it takes to find the bad ones.
    """
    outcomes = await asyncio.gather(*(write_lane(send, lane) for lane in lanes), return_exceptions=True)
    refused: list[Rejected] = []
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome
        refused += outcome
    return sorted(refused, key=lambda rejected: rejected.index)


async def write_lane(send: Send, lines: Lines) -> list[Rejected]:
    """One request after the other. The lines the server refuses alone come back with its words; the others are stored.

    No version names them all: 1.x and 2.x tell one reason for a whole request and how many points it dropped, often too few
    (points in several shards), never too many. So a refused request is first sent measurement by measurement, because
    another type concerns a whole one, then halved; one of which all was dropped is done. 3 names the first bad line, and
    stores nothing: it is left out.
    """
    refused: list[Rejected] = []
    waiting = list(split(lines))[::-1]
    while waiting:
        batch = waiting.pop()
        number = len(batch.rows)
        try:
            await send(batch.body())
        except LinesRefusedError as error:
            reason = str(error)
            named = error.line_number if error.line_number and error.line_number <= number else None
            if named is not None:
                refused.append(Rejected(batch.rows[named - 1], reason))
                if number > 1:
                    waiting.append(batch.without(named - 1))
            elif number == 1 or _dropped(reason) == number:
                refused += [Rejected(row, reason) for row in batch.rows]
            else:
                waiting += _apart(batch)[::-1]
    return refused


def _dropped(reason: str) -> int:
    found = _DROPPED.search(reason)
    return int(found.group(1)) if found else 0


def _apart(batch: Lines) -> list[Lines]:
    """By measurement when there are several, else in halves."""
    groups: dict[str, tuple[list[int], list[str]]] = {}
    for row, text in zip(batch.rows, batch.texts, strict=True):
        rows, texts = groups.setdefault(text.partition(",")[0], ([], []))
        rows.append(row)
        texts.append(text)
    if len(groups) > 1:
        return [Lines(*group) for group in groups.values()]
    middle = len(batch.rows) // 2
    return [batch.part(0, middle), batch.part(middle, len(batch.rows))]
