"""HTTP to an InfluxDB of any version: /write and /query with Basic authentication. The only module with influxdb-client.

influxdb-client's own write and query calls speak only /api/v2; its generic call reaches every version. Its answers are
taken raw: building its ApiException would install a handler on the root logger.
"""

import asyncio
import gzip
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol
from urllib.parse import unquote, urlsplit

import aiohttp
import msgspec
from influxdb_client.client.influxdb_client_async import InfluxDBClientAsync

from storage.store import StoreMisconfiguredError, StoreUnavailableError

WRITE_TIMEOUT_S = 30.0
QUERY_TIMEOUT_S = 60.0
IN_FLIGHT_MAX = 8  # InfluxDB 3 lets each wait for its log, a second
DEFAULT_DATABASE = "halong"
RETRY_S = 1.0
CONFIGURATION_RETRY_S = 5.0  # somebody has to change something first
RETRY_MAX_S = 300.0
GZIP_FROM_BYTES = 1024
_THIS_MACHINE = ("localhost", "127.0.0.1", "::1")  # nothing to save there, and it costs both sides
CHUNK_ROWS = 10_000
LINES_AT_ONCE = 500
REASON_CHARACTERS = 500  # of a server's words; InfluxDB 1.x echoes every bad line
_DATABASE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_POLICY_ABSENT = re.compile(r"retention policy not found", re.IGNORECASE)
_DATABASE_ABSENT = re.compile(r"database not found|no dbrp mapping found|bucket .*not found", re.IGNORECASE)


class InfluxUrl(NamedTuple):
    """`http(s)://[user:secret@]host[:port][/database]` taken apart; `secret` is a password or an API token."""

    base: str
    credentials: str
    database: str

    @classmethod
    def parse(cls, url: str) -> "InfluxUrl":
        """Raises ValueError with one clear line, without the secret in it."""
        parts = urlsplit(url)
        shape = "must look like http://user:secret@host:8086/database"
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"the InfluxDB address {shape}")
        try:
            port = parts.port or 8086
        except ValueError as error:
            raise ValueError(f"the InfluxDB address {shape}: {error}") from None
        database = parts.path.strip("/") or DEFAULT_DATABASE
        if not _DATABASE.fullmatch(database):
            raise ValueError(
                f"database {database!r} must be letters, digits, _ and -, starting with a letter or digit"
            )
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        credentials = (
            f"{unquote(parts.username or '')}:{unquote(parts.password)}" if parts.password is not None else ""
        )
        return cls(f"{parts.scheme}://{host}:{port}", credentials, database)


class LinesRefusedError(Exception):
    """The server refuses some of the lines, perhaps after storing the others. `line_number` (from 1) where it tells."""

    def __init__(self, reason: str, line_number: int | None = None) -> None:
        super().__init__(reason)
        self.line_number = line_number


class QueryRefusedError(Exception):
    """The server does not carry out the statement: unknown to it, not allowed, or failed."""


class DatabaseAbsentError(Exception):
    """The server does not know the database."""


class Table(msgspec.Struct):
    """One series of an answer: a quantity, its tags, columns with `time` (ms) first."""

    name: str = ""
    tags: dict[str, str] = {}
    columns: list[str] = []
    values: list[list[float | str | bool | None]] = []


class _Result(msgspec.Struct):
    series: list[Table] = []
    error: str = ""
    partial: bool = False


class _Answer(msgspec.Struct):
    results: list[_Result] = []
    error: str = ""


class _LineError(msgspec.Struct):
    error_message: str = ""
    line_number: int | None = None


class _ErrorBody(msgspec.Struct):
    """1.x and 3: error; 2.x: code and message; 3 also data with the first bad line."""

    error: str = ""
    message: str = ""
    data: _LineError | None = None


class _Api(Protocol):
    """What we use of influxdb-client, which has no types."""

    async def call_api(
        self,
        resource_path: str,
        method: str,
        *,
        query_params: Sequence[tuple[str, str]] | None,
        header_params: Mapping[str, str],
        body: bytes | None,
        post_params: Sequence[tuple[str, str]] | None,
        _preload_content: bool,
    ) -> aiohttp.ClientResponse: ...

    async def close(self) -> None: ...


class InfluxHttp:
    """One client session. Every call may raise StoreUnavailableError; those that name it DatabaseAbsentError."""

    def __init__(
        self, url: InfluxUrl, *, write_timeout_s: float = WRITE_TIMEOUT_S, compresses: bool | None = None
    ) -> None:
        self._url = url
        self._write_timeout_s = write_timeout_s
        elsewhere = (urlsplit(url.base).hostname or "") not in _THIS_MACHINE
        self._compresses = elsewhere if compresses is None else compresses
        self._accept = {"Accept": "application/json"}
        if not self._compresses:
            self._accept["Accept-Encoding"] = "identity"
        self._api: _Api | None = None
        self._in_flight = asyncio.Semaphore(IN_FLIGHT_MAX)

    def open(self) -> None:
        """Make the session; nothing is sent. Needs a running loop."""
        if self._api is None:
            client = InfluxDBClientAsync(
                self._url.base,
                token=self._url.credentials,
                auth_basic=bool(self._url.credentials),
                timeout=int(max(WRITE_TIMEOUT_S, QUERY_TIMEOUT_S) * 1000),
            )
            self._api = client.api_client

    async def close(self) -> None:
        """Harmless when not open."""
        api, self._api = self._api, None
        if api is not None:
            await api.close()

    async def write(self, body: bytes) -> None:
        """Durable on return. Raises LinesRefusedError, DatabaseAbsentError. At most IN_FLIGHT_MAX at a time."""
        headers = {"Content-Type": "text/plain; charset=utf-8"}
        if self._compresses and len(body) >= GZIP_FROM_BYTES:
            body = gzip.compress(body, 1)
            headers["Content-Encoding"] = "gzip"
        async with self._in_flight:
            status, answer, retry_after_s = await self._call(
                "/write",
                self._write_timeout_s,
                headers,
                query_params=[("db", self._url.database), ("precision", "ms")],
                body=body,
            )
        if 200 <= status < 300:
            return
        refusal = _error_body(answer)
        reason = _words(refusal, answer)
        if status in (400, 413, 422):
            raise LinesRefusedError(reason, refusal.data.line_number if refusal.data else None)
        raise self._unavailable(status, reason, retry_after_s)

    async def query(self, statement: str) -> list[Table]:
        """The tables of one InfluxQL statement. Raises DatabaseAbsentError, QueryRefusedError.

        A long series comes in several tables, one after the other: only a chunked answer is never cut off by the
        server's max-row-limit.
        """
        status, answer, retry_after_s = await self._call(
            "/query",
            QUERY_TIMEOUT_S,
            {"Content-Type": "application/x-www-form-urlencoded"},
            post_params=[
                ("db", self._url.database),
                ("epoch", "ms"),
                ("chunked", "true"),
                ("chunk_size", str(CHUNK_ROWS)),
                ("q", statement),
            ],
        )
        if not 200 <= status < 300:
            reason = _words(_error_body(answer), answer)
            error = self._unavailable(status, reason, retry_after_s)
            if isinstance(error, StoreUnavailableError) and status in (400, 403, 404, 405, 422):
                raise QueryRefusedError(f"{self._url.base} answers {status}: {reason}")
            raise error
        tables: list[Table] = []
        partial = False
        for number, line in enumerate(answer.splitlines()):
            if number % LINES_AT_ONCE == LINES_AT_ONCE - 1:
                await asyncio.sleep(0)  # the others on this loop have their turn, too
            try:
                results = msgspec.json.decode(line, type=_Answer).results
            except msgspec.DecodeError as error:
                raise StoreUnavailableError(
                    f"{self._url.base} does not answer like InfluxDB: {error}", RETRY_S
                ) from error
            for result in results:
                if _DATABASE_ABSENT.search(result.error):
                    raise DatabaseAbsentError(result.error)
                if result.error:
                    words = result.error[:REASON_CHARACTERS]
                    raise QueryRefusedError(f"{self._url.base} refuses a query: {words}")
                tables += result.series
                partial = result.partial
        if partial:
            raise StoreUnavailableError(f"{self._url.base} ended an answer too early", RETRY_S)
        return tables

    async def _call(
        self,
        path: str,
        timeout_s: float,
        headers: Mapping[str, str],
        *,
        query_params: Sequence[tuple[str, str]] | None = None,
        post_params: Sequence[tuple[str, str]] | None = None,
        body: bytes | None = None,
    ) -> tuple[int, bytes, float | None]:
        """(status, body, seconds of Retry-After)."""
        if self._api is None:
            raise StoreUnavailableError(f"the store {self._url.base} is not open")
        try:
            async with asyncio.timeout(timeout_s):
                response = await self._api.call_api(
                    path,
                    "POST",
                    query_params=query_params,
                    post_params=post_params,
                    header_params={**headers, **self._accept},
                    body=body,
                    _preload_content=False,
                )
                answer = await response.read()
                return response.status, answer, _seconds(response.headers.get("Retry-After"))
        except TimeoutError:
            raise StoreUnavailableError(
                f"{self._url.base} did not answer in {timeout_s:g} s", RETRY_S
            ) from None
        except (aiohttp.ClientError, OSError) as error:
            raise StoreUnavailableError(f"cannot reach {self._url.base}: {error}", RETRY_S) from error

    def _unavailable(
        self, status: int, reason: str, retry_after_s: float | None
    ) -> StoreUnavailableError | DatabaseAbsentError:
        base = self._url.base
        wait_s = retry_after_s
        match status:
            case 404 if _DATABASE_ABSENT.search(reason):
                return DatabaseAbsentError(reason)
            case 401:
                text = f"{base} does not accept the user or token: {reason}"
            case 403:
                text = f"{base} does not allow this user to do that: {reason}"
            case 404:
                text = f"{base} does not know the path or database: {reason}"
            case 500 if _POLICY_ABSENT.search(reason):
                text = f"{base} has lost the database's retention policy: {reason}"
            case 429 | 503:
                return StoreUnavailableError(
                    f"{base} is too busy ({status}): {reason}", RETRY_S if wait_s is None else wait_s
                )
            case _:
                return StoreUnavailableError(
                    f"{base} answers {status}: {reason}", RETRY_S if wait_s is None else wait_s
                )
        return StoreMisconfiguredError(text, CONFIGURATION_RETRY_S if wait_s is None else wait_s)


def _error_body(answer: bytes) -> _ErrorBody:
    try:
        return msgspec.json.decode(answer, type=_ErrorBody)
    except msgspec.DecodeError:
        return _ErrorBody()


def _words(refusal: _ErrorBody, answer: bytes) -> str:
    """The server's own words in one bounded line."""
    detail = refusal.data.error_message if refusal.data else ""
    said = ": ".join(part for part in (refusal.error or refusal.message, detail) if part)
    text = said or answer.decode("utf-8", "replace")
    return " ".join(text.split())[:REASON_CHARACTERS] or "no reason given"


def _seconds(retry_after: str | None) -> float | None:
    """Retry-After in seconds; its form with a date is taken as absent, because clocks differ."""
    return min(float(retry_after), RETRY_MAX_S) if retry_after and retry_after.strip().isdecimal() else None
