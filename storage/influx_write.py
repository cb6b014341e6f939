"""Writing lines to an InfluxDB: several requests at a time, those of one lane in order; bad lines found one by one."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from storage.influx_http import LinesRefusedError
from storage.lineprotocol import Lines, split
from storage.store import Rejected

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

    No version names them all: 1.x and 2.x tell one reason for a whole request and count wrongly (points in several shards),
    so the request is halved. 3 names the first bad line, and stores nothing: it is left out.
    """
    refused: list[Rejected] = []
    waiting = list(split(lines))[::-1]
    while waiting:
        batch = waiting.pop()
        number = len(batch.rows)
        try:
            await send(batch.body())
        except LinesRefusedError as error:
            named = error.line_number if error.line_number and error.line_number <= number else None
            if named is not None or number == 1:
                bad = (named or 1) - 1
                refused.append(Rejected(batch.rows[bad], str(error)))
                if number > 1:
                    waiting.append(batch.without(bad))
            else:
                waiting += [batch.part(number // 2, number), batch.part(0, number // 2)]
    return refused
