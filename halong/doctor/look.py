"""The doctor's eyes: files, accounts, sockets, servers of this machine. Each returns figures, or says why there are none."""

import asyncio
import grp
import importlib.util
import os
import pwd
import socket
import sqlite3
import ssl
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from random import SystemRandom
from typing import NamedTuple

from halong.broker import mosquitto_path
from halong.doctor.judge import Account, File, Programs
from halong.influxd import influxd_path
from runtime.mqtt import BrokerUrl, Connection, keep_connected
from storage.influx_http import DatabaseAbsentError, InfluxHttp, InfluxUrl

ANSWER_S = 5.0
MB = 1024 * 1024


def now() -> datetime:
    """This machine's clock."""
    return datetime.now(UTC)


def programs() -> Programs:
    """What is installed on this machine."""
    embedded = [name for name in ("iotcore", "amqtt") if importlib.util.find_spec(name)]
    return Programs(sys.version_info[:3], mosquitto_path(), influxd_path(), embedded)


def account(name: str | None) -> Account:
    """The account by that name, without one our own; raises ValueError."""
    if name is None:
        uid = os.geteuid()
        try:
            own = pwd.getpwuid(uid).pw_name
        except KeyError:
            own = str(uid)
        return Account(own, uid, frozenset((os.getegid(), *os.getgroups())))
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        raise ValueError(f"there is no user {name!r} on this machine") from None
    return Account(name, entry.pw_uid, frozenset(os.getgrouplist(name, entry.pw_gid)))


def groups() -> dict[int, str]:
    """Names of this machine's groups."""
    return {entry.gr_gid: entry.gr_name for entry in grp.getgrall()}


def file(path: Path) -> File | None:
    """Mode and owners; None when nothing is there."""
    try:
        found = path.stat()
    except OSError:
        return None
    return File(found.st_mode, found.st_uid, found.st_gid)


def room_mb(path: Path) -> tuple[float, float]:
    """(free for ordinary users, total) of the file system on which `path` is, or will be."""
    while not path.exists() and path != path.parent:
        path = path.parent
    found = os.statvfs(path)
    return found.f_bavail * found.f_frsize / MB, found.f_blocks * found.f_frsize / MB


def size_mb(path: Path) -> float:
    """Of a SQLite file with its log; 0 when it is not there."""
    parts = (path, path.with_name(path.name + "-wal"))
    return sum(part.stat().st_size for part in parts if part.exists()) / MB


def schema_version(path: Path) -> int:
    """A SQLite file's user_version, read beside whoever uses it; raises ValueError."""
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=ANSWER_S)) as database:
            return int(database.execute("PRAGMA user_version").fetchone()[0])
    except sqlite3.Error as error:
        raise ValueError(f"cannot be read: {error}") from None


class Answer(NamedTuple):
    """Of an HTTP server: its headers' date against ours (seconds we are ahead), how well that is known, its version."""

    ahead_s: float | None
    slack_s: float
    influx_version: str


def ask_http(url: str) -> Answer:
    """HEAD or GET of `url`; any answer will do. Raises OSError."""
    before = time.time()
    try:
        with urllib.request.urlopen(url, timeout=ANSWER_S) as answer:
            headers = answer.headers
    except urllib.error.HTTPError as error:
        headers = error.headers
        error.close()
    after = time.time()
    date = headers.get("Date")
    ahead = (before + after) / 2 - (parsedate_to_datetime(date).timestamp() + 0.5) if date else None
    return Answer(ahead, (after - before) / 2 + 0.5, headers.get("X-Influxdb-Version", ""))


def listens(host: str, port: int) -> bool:
    """Whether somebody does."""
    try:
        socket.create_connection((host, port), timeout=ANSWER_S).close()
    except OSError:
        return False
    return True


def least_free_port() -> int:
    """Below this only root may listen."""
    try:
        return int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 1024


def broker_certificate(url: BrokerUrl) -> bytes:
    """Its certificate in DER after a handshake that checks it; raises OSError (ssl.SSLError among them)."""
    context = url.context() or ssl.create_default_context()
    with (
        socket.create_connection((url.host, url.port), timeout=ANSWER_S) as plain,
        context.wrap_socket(plain, server_hostname=url.host) as secured,
    ):
        return secured.getpeercert(binary_form=True) or b""


async def broker_lets_in(url: BrokerUrl) -> bool:
    """Whether an MQTT client with these files gets a connection."""

    async def enough(connection: Connection) -> None:
        return None

    rng = SystemRandom()
    try:
        async with asyncio.timeout(ANSWER_S):
            await keep_connected(url, f"halong-doctor-{rng.getrandbits(64):016x}", enough, rng=rng)
    except TimeoutError:
        return False
    return True


def mosquitto_lines(path: Path) -> Iterator[str]:
    """Its configuration with what `include_dir` brings, in mosquitto's order; raises OSError."""
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        key, _, value = line.strip().partition(" ")
        if key == "include_dir":
            for inner in sorted(Path(value.strip()).glob("*.conf")):
                yield from mosquitto_lines(inner)
        elif key and not key.startswith("#"):
            yield line


class Influx(NamedTuple):
    """What a server has."""

    databases: list[str]
    fields: list[tuple[str, str, str]]


async def influx(url: InfluxUrl) -> Influx:
    """Databases, and fields of the one that is named. Raises StoreUnavailableError, QueryRefusedError."""
    http = InfluxHttp(url)
    http.open()
    try:
        tables = await http.query("SHOW DATABASES")
        databases = [str(row[0]) for table in tables for row in table.values]
        try:
            tables = await http.query("SHOW FIELD KEYS") if url.database in databases else []
        except DatabaseAbsentError:
            tables = []
        rows = [(table.name, str(row[0]), str(row[1])) for table in tables for row in table.values]
    finally:
        await http.close()
    return Influx(databases, rows)
