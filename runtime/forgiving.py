"""What the event loop complains of though nothing is wrong with this program, and others have told it already."""

import asyncio
import errno
from typing import Any

from runtime.descriptors import NONE_LEFT


def forgive() -> None:
    """From now on the running loop says nothing of these; all else as before."""
    asyncio.get_running_loop().set_exception_handler(_handle)


def _handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    error, message = context.get("exception"), str(context.get("message"))
    if isinstance(error, OSError) and (_is_late_writer(error, message) or _is_closed_door(error, message)):
        return
    loop.default_exception_handler(context)


def _is_late_writer(error: OSError, message: str) -> bool:
    """aiomqtt 2.5 may register a socket for writing after paho has closed it: that is only a lost link."""
    return error.errno == errno.EBADF and "add_writer" in message


def _is_closed_door(error: OSError, message: str) -> bool:
    """Nobody can be let in for want of descriptors: the door says so."""
    return error.errno in NONE_LEFT and "socket.accept()" in message
