"""File descriptors: more than a process is given, and a listening socket that leaves some for others and bears their end.

systemd starts a process with 1,024 of them. Whoever can connect can use them up; asyncio of Python 3.11 answers that with a
traceback for each place in the queue, again and again: tens of megabytes of log in seconds, while everything else stands.
"""

import errno
import resource
import socket
from collections.abc import Callable
from contextlib import suppress

import structlog

WANTED = 16_384
OWN = 256  # are for files, the broker, the store, ports; a quarter where there are few
QUEUE = 1024  # connections that may wait in the kernel
AT_ONCE = 16  # are let in before it is somebody else's turn
NONE_LEFT = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})

log = structlog.get_logger(__name__)


def ask_for_more() -> None:
    """Raise this process's limit to `WANTED` where it is lower and the machine allows that."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    more = WANTED if hard == resource.RLIM_INFINITY else min(WANTED, hard)
    if soft != resource.RLIM_INFINITY and soft < more:
        with suppress(OSError, ValueError):  # a unit may forbid it, and sets the limit itself
            resource.setrlimit(resource.RLIMIT_NOFILE, (more, hard))


class Door(socket.socket):
    """A listening socket for asyncio's servers, to be given to them with backlog=AT_ONCE.

    Who comes when only `OWN` descriptors are left is turned away, and `on_full` is called. While there are none at all, nobody
    is let in. Both is told once, until somebody is let in again.
    """

    def __init__(self, listening: socket.socket) -> None:
        super().__init__(fileno=listening.detach())
        self.on_full: Callable[[], None] = lambda: None
        self.turned_away = 0
        self._in_vain = self._told = False

    def listen(self, backlog: int = QUEUE, /) -> None:
        """See socket. asyncio's `backlog` is how many it lets in at once, and too few to wait."""
        super().listen(max(QUEUE, backlog))

    def accept(self) -> tuple[socket.socket, object]:
        """See socket. After an error asyncio waits a second but asks on in this turn: nobody is there then."""
        if self._in_vain:
            self._in_vain = False
            raise BlockingIOError(errno.EAGAIN, "not now")
        try:
            connection, address = super().accept()
        except OSError as error:
            if error.errno in NONE_LEFT:
                self._in_vain = True
                self._tell("nobody new is let in until something is closed", reason=error.strerror)
            raise
        if connection.fileno() < _for_others():
            self._told = False
            return connection, address
        connection.close()
        self.turned_away += 1
        self._tell("too many connections, turning others away", turned_away=self.turned_away)
        self.on_full()
        raise BlockingIOError(errno.EAGAIN, "no room")

    def _tell(self, what: str, **more: object) -> None:
        if not self._told:
            log.warning(what, **more)
        self._told = True


def open_door(host: str, port: int) -> Door:
    """A door at this address, IPv6 when it has a colon; raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return Door(socket.create_server((host, port), family=family, backlog=QUEUE))


def _for_others() -> int:
    """The kernel gives the lowest number that is free: from this one on they are our own."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit == resource.RLIM_INFINITY:
        limit = WANTED
    return limit - min(OWN, limit // 4)
