"""A thin typed client of the API, with nothing but the standard library and msgspec behind it.

    with_key = Client("http://127.0.0.1:8080", key="hl_…")
    for reading in with_key.readings("bai-chay-pm-1", "pm25", start="2026-11-23T00:00:00+07:00"):
        print(reading.t, reading.value)

It blocks; in asyncio call it in a thread. Every method may raise ApiError (the API refuses, `detail` says what to do) or
UnreachableError.
"""

import http.client
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

TIMEOUT_S = 30.0
PAGE = 10_000
Value = TypeVar("Value")
Query = Mapping[str, str | int | float | bool | Sequence[str] | None]


class ApiError(Exception):
    """The API's problem document; `retry_after_s` where it says when to come again."""

    def __init__(self, status: int, detail: str, retry_after_s: float | None = None) -> None:
        super().__init__(f"{status}: {detail}")
        self.status, self.detail, self.retry_after_s = status, detail, retry_after_s


class UnreachableError(Exception):
    """Nobody answers there, or not in time, or not like this API."""


class Measured(msgspec.Struct, frozen=True):
    """A quantity a sensor reports, and its unit."""

    name: str
    unit: str


class Sensor(msgspec.Struct, frozen=True):
    """A sensor; `last` is when it was heard, RFC 3339."""

    id: str
    name: str
    site: str
    gateway: str
    protocol: str
    quantities: tuple[Measured, ...]
    period_s: float
    latitude: float | None
    longitude: float | None
    since: str
    last: str | None
    state: str


class Site(msgspec.Struct, frozen=True):
    """A place, in degrees WGS 84."""

    id: str
    name: str
    latitude: float
    longitude: float
    kind: str


class Latest(msgspec.Struct, frozen=True):
    """The newest reading of a series; `t` in ms since 1970 UTC."""

    sensor: str
    site: str
    quantity: str
    t: int
    value: float
    flags: int


class Reading(msgspec.Struct, frozen=True):
    """A reading of the series that was asked for; `t` in ms since 1970 UTC."""

    t: int
    value: float
    flags: int


class Window(msgspec.Struct, frozen=True):
    """One window of an aggregate, `t` its start; `values` by function when several were asked for."""

    sensor: str
    t: int
    value: float | None
    count: int
    values: Mapping[str, float | None] = {}


class Acknowledged(msgspec.Struct, frozen=True):
    """Who takes care of an anomaly, since when."""

    time: str
    who: str


class Anomaly(msgspec.Struct, frozen=True):
    """Something unusual; `end_ms` is None while it lasts."""

    id: str
    sensor: str
    quantity: str
    site: str
    kind: str
    severity: str
    start_ms: int
    end_ms: int | None
    text: str
    text_vi: str
    acknowledged: Acknowledged | None = None


class Air(msgspec.Struct, frozen=True):
    """VN_AQI of a place over [t, …); `reason` says why there is none, or none that is complete."""

    kind: str
    id: str
    name: str
    t: int
    vn_aqi: int | None
    main: str | None
    parts: Mapping[str, int]
    us_aqi: int | None
    complete: bool
    reason: str | None


class Event(msgspec.Struct, frozen=True):
    """An event of the live stream: `readings`, `anomaly`, `reset` or `dropped`; `data` as the API's reference has it."""

    kind: str
    id: str
    data: Any


class _Page(msgspec.Struct):
    items: list[msgspec.Raw]
    next: str | None = None


class Client:
    """The API at `url`; with a key where it wants one. Threads may share it. `page` is how many readings it asks for at once."""

    def __init__(
        self, url: str, key: str | None = None, *, timeout_s: float = TIMEOUT_S, page: int = PAGE
    ) -> None:
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._timeout_s, self._page = timeout_s, page

    def get(self, path: str, **query: Any) -> Any:
        """Any answer in JSON, for what has no method here."""
        return self.ask("GET", path, query)

    def ask(self, method: str, path: str, query: Query, body: Any = None) -> Any:
        """The same by any method, with a body in JSON."""
        try:
            return msgspec.json.decode(self._ask(method, path, query, body))
        except msgspec.DecodeError as error:
            raise UnreachableError(f"{self._url}{path} does not answer in JSON: {error}") from error

    def _items(self, kind: type[Value], path: str, query: Query) -> list[Value]:
        return list(self._pages(kind, path, query, pages=1))

    def _pages(
        self, kind: type[Value], path: str, query: Query, *, pages: int | None = None
    ) -> Iterator[Value]:
        cursor: str | None = None
        while pages is None or pages > 0:
            page = _decode(_Page, self._ask("GET", path, {**query, "cursor": cursor}))
            yield from (_decode(kind, item) for item in page.items)
            cursor, pages = page.next, pages - 1 if pages is not None else None
            if cursor is None:
                return

    def sensors(self, **query: str) -> list[Sensor]:
        """Sensors, chosen by site, gateway, protocol, quantity, kind, state or bbox."""
        return self._items(Sensor, "/v1/sensors", query)

    def sites(self) -> list[Site]:
        """The places."""
        return self._items(Site, "/v1/sites", {})

    def latest(self, **query: str) -> list[Latest]:
        """The newest reading of every series, chosen by sensor, site or quantity."""
        return self._items(Latest, "/v1/latest", query)

    def readings(
        self, sensor: str, quantity: str, *, start: str | int | None = None, end: str | int | None = None
    ) -> Iterator[Reading]:
        """Every reading of [start, end), the last hour by default, page after page."""
        query = {"sensor": sensor, "quantity": quantity, "start": start, "end": end, "limit": self._page}
        return self._pages(Reading, "/v1/readings", query)

    def aggregate(
        self,
        sensors: Sequence[str],
        quantity: str,
        window: str,
        *,
        functions: Sequence[str] = (),
        start: str | int | None = None,
        end: str | int | None = None,
        fill: str | None = None,
    ) -> list[Window]:
        """One figure per window (an ISO 8601 duration) and sensor; without functions the quantity's own mean."""
        query = {"sensor": sensors, "quantity": quantity, "window": window, "function": functions}
        return self._items(Window, "/v1/aggregate", {**query, "start": start, "end": end, "fill": fill})

    def air(self, **query: str) -> list[Air]:
        """VN_AQI now, by site, sensor or for the city (`by`)."""
        return self._items(Air, "/v1/aqi", query)

    def anomalies(self, *, limit: int | None = None, **query: str | bool | int) -> list[Anomaly]:
        """Newest first: all that match, or the newest `limit` of them (1,000 at most)."""
        asked = {**query, "limit": limit if limit is not None else 1000}
        return list(self._pages(Anomaly, "/v1/anomalies", asked, pages=1 if limit is not None else None))

    def acknowledge(self, anomaly_id: str, comment: str = "") -> Anomaly:
        """Take note of an anomaly; needs an operator's key."""
        path = f"/v1/anomalies/{urllib.parse.quote(anomaly_id, safe='')}/acknowledge"
        return _decode(Anomaly, self._ask("POST", path, {}, {"comment": comment}))

    def listen(self, last_id: str | None = None, **query: str) -> Iterator[Event]:
        """The live stream, until the hub ends it (UnreachableError when it breaks). Go on with the id of the last event."""
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": last_id} if last_id else {})
        with self._open("GET", "/v1/stream", query, None, headers) as answer:
            fields: dict[str, str] = {}
            for raw in _lines(answer):
                line = raw.decode("utf-8").rstrip("\r\n")
                name, _, text = line.partition(": ")
                if line:
                    fields[name] = text
                elif "data" in fields:
                    yield Event(
                        fields.get("event", ""), fields.get("id", ""), msgspec.json.decode(fields["data"])
                    )
                    fields = {}
                else:
                    fields = {}

    def _ask(self, method: str, path: str, query: Query, body: Any = None) -> bytes:
        with self._open(method, path, query, body, {"Accept": "application/json"}) as answer:
            try:
                return bytes(answer.read())
            except (OSError, http.client.HTTPException) as error:
                raise UnreachableError(f"{self._url} ended its answer too early: {error}") from error

    def _open(
        self, method: str, path: str, query: Query, body: Any, headers: Mapping[str, str]
    ) -> http.client.HTTPResponse:
        asked = {
            name: str(value).lower() if isinstance(value, bool) else value
            for name, value in query.items()
            if value is not None
        }
        tail = urllib.parse.urlencode(asked, doseq=True)
        data = msgspec.json.encode(body) if body is not None else None
        content = {"Content-Type": "application/json"} if data is not None else {}
        try:
            request = urllib.request.Request(
                f"{self._url}{path}{'?' if tail else ''}{tail}",
                data,
                {**self._headers, **headers, **content},
                method=method,
            )
            answer: http.client.HTTPResponse = urllib.request.urlopen(request, timeout=self._timeout_s)
        except urllib.error.HTTPError as error:
            with error:
                raise _refusal(error) from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise UnreachableError(f"{self._url} cannot be reached: {error}") from error
        return answer


def _lines(answer: http.client.HTTPResponse) -> Iterator[bytes]:
    try:
        yield from answer
    except (OSError, http.client.HTTPException) as error:
        raise UnreachableError(f"the stream broke: {error}") from error


def _decode(kind: type[Value], content: bytes | msgspec.Raw) -> Value:
    try:
        return msgspec.json.decode(content, type=kind)
    except msgspec.DecodeError as error:
        raise UnreachableError(f"this is not the answer of a hub of this version: {error}") from error


def _refusal(error: urllib.error.HTTPError) -> ApiError:
    try:
        detail = str(msgspec.json.decode(error.read())["detail"])
    except (msgspec.DecodeError, KeyError, TypeError, OSError, http.client.HTTPException):
        detail = str(error.reason)
    wait = error.headers.get("Retry-After", "")
    return ApiError(error.code, detail, float(wait) if wait.isdecimal() else None)
