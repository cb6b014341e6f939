"""Nodes that push by HTTP: one listener for each [[http]] of the configuration, bounded in connections, bytes and time."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog

from edge.driver import BadFrameError
from edge.formats.contract import Arrival, Options
from edge.formats.sensor_community import SensorCommunity
from edge.http_request import MAX_HEAD, Head, RefusedError, answer, parse_head
from edge.publishers import HttpListener, HttpSensor
from edge.settings import EdgeConfig
from runtime.descriptors import AT_ONCE, open_door
from telemetry.messages import PortCounters
from telemetry.reading import Reading

MAX_CONNECTIONS = 32
REQUEST_S = 10.0  # a request must be here so soon, ...
ACCEPT_S = 10.0  # ... its readings must be accepted so soon after, ...
LINGER_S = 1.0  # ... and its answer be taken
RETRY_S = 5.0

log = structlog.get_logger(__name__)
Deliver = Callable[[Sequence[Reading]], Awaitable[None]]


class _Sensor:
    """One configured sensor and what it has pushed."""

    def __init__(self, settings: HttpSensor) -> None:
        self.settings = settings
        self.format = SensorCommunity(Options(names=settings.names))
        self.frames = self.readings = 0
        self.last_ms: int | None = None

    def is_meant(self, node: str, pin: int | None) -> bool:
        """Is a push of this node and pin (None: all its sensors at once) from here?"""
        return node.lower() == self.settings.node.lower() and self.settings.pin in (0, pin)


class Listener:
    """Answers 200 to a push when its readings have been taken over, and says why not otherwise."""

    def __init__(
        self,
        settings: HttpListener,
        *,
        deliver: Deliver,
        clock: Callable[[], int],
        request_s: float = REQUEST_S,
        retry_s: float = RETRY_S,
    ) -> None:
        self.name = f"http {settings.listen}:{settings.port}"
        self._settings, self._deliver, self._clock = settings, deliver, clock
        self._request_s, self._retry_s = request_s, retry_s
        self._sensors = [_Sensor(sensor) for sensor in settings.sensors]
        self._format = SensorCommunity(Options())
        self._open = 0
        self._up = self._known_away = False
        self._frames = self._bad = 0
        self._log = log.bind(listener=self.name)

    def counters(self) -> list[PortCounters]:
        """One entry for the listener, with all requests, and one a sensor."""
        readings = sum(sensor.readings for sensor in self._sensors)
        times = [sensor.last_ms for sensor in self._sensors if sensor.last_ms is not None]
        whole = PortCounters(self.name, self._up, self._frames, self._bad, readings, max(times, default=None))
        return [
            whole,
            *(
                PortCounters(
                    f"{self.name} {one.settings.sensor}", self._up, one.frames, 0, one.readings, one.last_ms
                )
                for one in self._sensors
            ),
        ]

    async def run(self) -> None:
        """Listen for ever; a port that is taken is tried again."""
        while True:
            try:
                async with asyncio.TaskGroup() as group:
                    await self._listen(group)
            except* OSError as errors:
                if not self._known_away:
                    self._log.warning("cannot listen, trying again", reason=str(errors.exceptions[0]))
                self._known_away = True
            await asyncio.sleep(self._retry_s)

    async def _listen(self, group: asyncio.TaskGroup) -> None:
        """Serve each connection in a task of the group, for ever; raises OSError when the address cannot be had."""

        def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            group.create_task(self._connected(reader, writer), name=f"{self.name} connection")

        host, port = self._settings.listen, self._settings.port
        door = open_door(host, port)
        server = await asyncio.start_server(connected, sock=door, backlog=AT_ONCE, limit=MAX_HEAD)
        self._log.info("listening", path=self._settings.path)
        self._known_away, self._up = False, True
        try:
            await server.serve_forever()
        finally:
            self._up = False
            server.close()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open += 1
        try:
            status, words = await self._serve(reader)
            self._bad += status != 200
            writer.write(answer(status, words))
            writer.write_eof()
            async with asyncio.timeout(LINGER_S):  # closing on unread bytes would take the answer back
                while await reader.read(MAX_HEAD):
                    continue
        except asyncio.IncompleteReadError:
            self._bad += 1
        except (OSError, TimeoutError) as error:
            self._log.debug("peer left without its answer", reason=str(error))
        finally:
            self._open -= 1
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader) -> tuple[int, str]:
        """The status and sentence of the answer; raises when the peer leaves before its request is whole."""
        try:
            if self._open > MAX_CONNECTIONS:
                raise RefusedError(503, "too many connections")
            async with asyncio.timeout(self._request_s):
                head, body = await self._read(reader)
            return await self._hand_over(self._understand(head, body))
        except TimeoutError:
            return 408, f"the request was not complete within {self._request_s:g} s"
        except RefusedError as error:
            return error.status, str(error)
        except BadFrameError as error:
            return 400, str(error)

    async def _read(self, reader: asyncio.StreamReader) -> tuple[Head, bytes]:
        try:
            head = parse_head(await reader.readuntil(b"\r\n\r\n"))
        except asyncio.LimitOverrunError:
            raise RefusedError(431, f"headers have {MAX_HEAD} bytes at most") from None
        if head.path != self._settings.path:
            raise RefusedError(404, f"push to {self._settings.path}")
        if head.method != "POST":
            raise RefusedError(405, "only POST")
        return head, await reader.readexactly(head.body_size())

    def _understand(self, head: Head, body: bytes) -> list[tuple[_Sensor, list[Reading]]]:
        """What each sensor that is meant has said; raises RefusedError or BadFrameError."""
        now_ms = self._clock()
        arrival = Arrival(body, "", now_ms, head.headers)
        said = self._format.understand(arrival).decoded
        meant = [one for one in self._sensors if one.is_meant(said["node"], said.get("pin"))]
        if not meant:
            where = f" pin {said['pin']}" if "pin" in said else ""
            raise RefusedError(404, f"no sensor is configured for {said['node']}{where}")
        return [
            (
                one,
                [
                    Reading(one.settings.sensor, quantity, now_ms, value, flags)
                    for quantity, value, _, flags in one.format.understand(arrival).dated
                ],
            )
            for one in meant
        ]

    async def _hand_over(self, said: Sequence[tuple[_Sensor, list[Reading]]]) -> tuple[int, str]:
        """All at once or not at all, so that a node that is told to come again doubles nothing."""
        readings = [reading for _, those in said for reading in those]
        try:
            async with asyncio.timeout(ACCEPT_S):
                await self._deliver(readings)
        except TimeoutError:
            raise RefusedError(503, "no room for these readings now") from None
        self._frames += 1
        for one, those in said:
            one.frames += 1
            one.readings += len(those)
            if those:
                one.last_ms = those[0].observed_at
        return 200, f"{len(readings)} readings accepted"


def build_listeners(config: EdgeConfig, deliver: Deliver, clock: Callable[[], int]) -> list[Listener]:
    """A listener for each [[http]] of the configuration, nothing opened."""
    return [Listener(settings, deliver=deliver, clock=clock) for settings in config.http]
