"""What a question to the store may cost: how many at once, how long; stopped when its client leaves."""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from fastapi import Request
from starlette.requests import ClientDisconnect

from api.identity import ANYBODY, Principal
from api.problems import ProblemError

AT_ONCE, AT_ONCE_EACH = 64, 16  # questions waiting or being answered, in all and of one caller
SECONDS = 20.0

Result = TypeVar("Result")


class Turns:
    """Counts the questions under way. One event loop."""

    def __init__(self) -> None:
        self._each: Counter[str] = Counter()

    @contextmanager
    def take(self, caller: str) -> Iterator[None]:
        """One question of this caller; a 429 above the bounds."""
        if self._each[caller] >= AT_ONCE_EACH or self._each.total() >= AT_ONCE:
            raise ProblemError(
                429,
                f"too many questions at once: wait for an answer before the next ({AT_ONCE_EACH} may be open)",
            )
        self._each[caller] += 1
        try:
            yield
        finally:
            self._each[caller] -= 1
            if not self._each[caller]:
                del self._each[caller]

    @property
    def open(self) -> int:
        """How many are under way."""
        return self._each.total()

    async def ask(self, request: Request, question: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
        """The answer. 429 when too many are under way, 400 when it takes too long; cancelled when the client leaves."""
        principal: Principal = request.scope.get("principal", ANYBODY)
        caller = principal.key_id or (request.client.host if request.client else "")
        with self.take(caller):
            asking = asyncio.current_task()
            leaving = asyncio.create_task(_left(request))
            over = False

            def stop(left: "asyncio.Task[None]") -> None:
                if not over and not left.cancelled() and asking is not None:
                    asking.cancel()

            leaving.add_done_callback(stop)
            try:
                async with asyncio.timeout(SECONDS):
                    return await question()
            except TimeoutError:
                raise ProblemError(
                    400,
                    f"this takes longer than {SECONDS:.0f} s: ask for a shorter range, a longer window or fewer sensors",
                ) from None
            except asyncio.CancelledError:
                if leaving.done() and asking is not None and asking.uncancel() == 0:
                    raise ClientDisconnect from None
                raise
            finally:
                over = True
                leaving.cancel()


async def _left(request: Request) -> None:
    """Return when the client has closed its connection."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
