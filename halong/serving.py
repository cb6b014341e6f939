"""Where the API listens and who may ask it: its part of the hub's configuration, the socket, the HTTP server."""

import asyncio
import ipaddress
import os
import re
import socket
import ssl
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec
import uvicorn

from api.gate import Access
from runtime import descriptors
from runtime.config import ConfigError
from runtime.descriptors import Door

PLAIN_HOST = re.compile(r"[A-Za-z0-9.-]+(:[0-9]{1,5})?")
ROOM_EVERY_S = 1.0  # idle connections are closed so often while there is no room
UNREAD_MS = 30_000
HEAD_BYTES = 256 * 1024  # of a request with its query: 200 names of sensors fit


class ApiSettings(msgspec.Struct, frozen=True):
    """Where the API and the page listen, and who may read without a key."""

    host: str = "127.0.0.1"
    port: int = 8080
    reading: Literal["auto", "open", "key"] = "auto"
    requests_per_minute: int = 1200
    origins: tuple[str, ...] = ()
    certificate: str = ""
    certificate_key: str = ""

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach it."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    @property
    def url(self) -> str:
        """Where it is reached on this machine."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.certificate else 'http'}://{host}:{self.port}"

    def access(self) -> Access:
        """How the API's door is set: open for reading on this machine, with a key from elsewhere, unless it is said."""
        is_open = self.is_local if self.reading == "auto" else self.reading == "open"
        return Access(is_open, self.requests_per_minute, self.origins)


class PageSettings(msgspec.Struct, frozen=True):
    """The base map of the page: `https://host/{z}/{x}/{y}.png` of a tile server, "" for none, and its attribution."""

    tiles: str = ""
    attribution: str = ""


def check_page(settings: PageSettings) -> None:
    """What the types cannot say; raises ConfigError. The server's name goes into a header, so it must be a plain one."""
    if not settings.tiles:
        return
    parts = urlsplit(settings.tiles)
    plain = all(mark in settings.tiles for mark in ("{z}", "{x}", "{y}")) and PLAIN_HOST.fullmatch(
        parts.netloc
    )
    if parts.scheme not in ("http", "https") or not plain:
        raise ConfigError(
            f"page.tiles: {settings.tiles!r} must look like https://tiles.example/{{z}}/{{x}}/{{y}}.png, one server by its name"
        )
    if not settings.attribution:
        raise ConfigError("page.attribution: say whose map it is, makers of maps ask for it")


def check(settings: ApiSettings) -> None:
    """What the types cannot say; raises ConfigError."""
    if not 0 <= settings.port < 65536:
        raise ConfigError(f"api.port must be 0 to 65535, not {settings.port}")
    if settings.requests_per_minute < 1:
        raise ConfigError(f"api.requests_per_minute must be at least 1, not {settings.requests_per_minute}")
    for origin in settings.origins:
        parts = urlsplit(origin)
        if parts.scheme not in ("http", "https") or not parts.netloc or parts.path or parts.query:
            raise ConfigError(f"api.origins: {origin!r} must look like https://dashboard.example")
    if bool(settings.certificate) != bool(settings.certificate_key):
        raise ConfigError("api.certificate and api.certificate_key go together")
    if settings.certificate:
        _check_certificate(settings)


def _check_certificate(settings: ApiSettings) -> None:
    for path in (settings.certificate, settings.certificate_key):
        if not Path(path).is_file():
            raise ConfigError(f"api.certificate: there is no file {path}")
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(
            settings.certificate, settings.certificate_key
        )
    except (ssl.SSLError, OSError) as error:
        raise ConfigError(
            f"api.certificate: {settings.certificate} and its key cannot be used: {error.strerror or error}"
        ) from None


def listen(settings: ApiSettings) -> Door:
    """The listening socket; raises ConfigError."""
    try:
        listening = descriptors.open_door(settings.host, settings.port)
    except OSError as error:
        raise ConfigError(
            f"cannot listen on {settings.host}:{settings.port} ({os.strerror(error.errno or 0)}); give another api.port"
        ) from None
    # Connections take it over: a client that has read nothing for so long is gone, whatever still waits for it.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNREAD_MS)
    return listening


class Server(uvicorn.Server):
    """uvicorn without its own signal handlers: the process that runs the TaskGroup decides when to stop."""

    def __init__(self, app: Any, settings: ApiSettings) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                log_level="warning",
                access_log=False,
                timeout_graceful_shutdown=3,
                backlog=descriptors.AT_ONCE,
                server_header=False,
                h11_max_incomplete_event_size=HEAD_BYTES,
                ssl_certfile=settings.certificate or None,
                ssl_keyfile=settings.certificate_key or None,
            )
        )
        self._made_room_at = 0.0

    async def serve_at(self, door: Door) -> None:
        """Answer whoever comes in, until `should_exit`. While there is no room, connections that ask nothing are closed."""
        door.on_full = self._make_room
        await self.serve([door])

    def _make_room(self) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._made_room_at < ROOM_EVERY_S:
            return
        self._made_room_at = now
        for connection in list(self.server_state.connections):
            if getattr(connection, "cycle", connection) is None:  # HTTP, and no request yet
                connection.shutdown()

    def capture_signals(self):  # type: ignore[no-untyped-def]
        """None of them."""
        from contextlib import nullcontext

        return nullcontext()
