"""An event loop whose clock jumps to the next timer when nothing else is left to do. Threads are waited for."""

import asyncio
import selectors
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any

POLL_S = 0.05  # of real time, while a thread works


class AtOnce(ThreadPoolExecutor):
    """Does the work where it is asked for: no thread, so that a run is the same every time."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        done: Future[Any] = Future()
        try:
            done.set_result(fn(*args, **kwargs))
        except BaseException as error:  # noqa: BLE001  # it goes to whoever waits for the result
            done.set_exception(error)
        return done


class _Jumping(selectors.DefaultSelector):
    """Selects without waiting; instead of waiting, the loop's time passes."""

    loop: "VirtualLoop"

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if ready or (timeout is not None and timeout <= 0):
            return ready
        if self.loop.working or timeout is None:
            return super().select(POLL_S)
        self.loop.now_s += timeout
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """Begins at `now_s` = 0; everything in it goes by that clock."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.working = 0  # jobs in other threads
        selector = _Jumping()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        return self.now_s

    def run_in_executor(
        self, executor: Executor | None, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        self.working += 1
        future = super().run_in_executor(executor, func, *args)
        future.add_done_callback(self._worked)
        return future

    def _worked(self, _: object) -> None:
        self.working -= 1
