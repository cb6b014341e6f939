"""The clerk: takes up the commands that API and command line have written into the book, one after the other."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

import msgspec
import structlog

from storage.book import Book, BookUnavailableError
from storage.commands import CommandRow, Commands
from storage.store import StoreUnavailableError

LOOK_EVERY_S = 0.5

log = structlog.get_logger(__name__)
Handler = Callable[[Mapping[str, Any]], Awaitable[Mapping[str, Any]]]


class CommandError(ValueError):
    """The command cannot be carried out; the message says why and becomes its result."""


class Clerk:
    """`handlers` by the kind of command; commands of other kinds are left to others.

    A handler is called again with the same command after a kill or when book or store were away: repeating must be
    harmless. One that raises anything else ends the process, as every bug does, and its command is over.
    """

    def __init__(self, book: Book, handlers: Mapping[str, Handler], *, clock: Callable[[], int]) -> None:
        self._commands, self._handlers, self._clock = Commands(book), handlers, clock

    async def run(self) -> None:
        """For ever."""
        told = ""
        while True:
            try:
                for command in self._commands.waiting(tuple(self._handlers)):
                    await self._carry_out(command)
                told = ""
            except (BookUnavailableError, StoreUnavailableError) as error:
                if str(error) != told:
                    told = str(error)
                    log.warning("commands wait", reason=told)
            await asyncio.sleep(LOOK_EVERY_S)

    async def _carry_out(self, command: CommandRow) -> None:
        try:
            result = await self._handlers[command.kind](command.content)
        except (CommandError, msgspec.ValidationError) as error:
            result = {"error": str(error)}
        except (BookUnavailableError, StoreUnavailableError):
            raise
        except Exception as error:  # a bug ends this life, and is not to end the next one as well
            with suppress(BookUnavailableError):
                failed = f"given up, a mistake in the program: {type(error).__name__}: {error}"
                self._commands.finish(command.id, {"error": failed}, self._clock())
            raise
        self._commands.finish(command.id, result, self._clock())
        said = {key: value for key, value in result.items() if isinstance(value, int | str)}
        log.info("command done", command=command.kind, who=command.who, result=said)
