"""Silence: sensors that should have spoken, and gateways whose death explains it. Pure: arrival times in, anomalies out.

Times are the hub's clock in ms. While the hub itself is deaf nobody is judged (`ingest.listening`). A dead gateway is one
anomaly, and its sensors' silence is not told beside it. Sensors that speak too seldom (`ingest.arrivals`) are told of from
here: the same breaks excuse them.
"""

from collections.abc import Iterable, Iterator, Mapping

import msgspec
import numpy as np

from ingest import absence
from ingest.absence import Leave
from ingest.arrivals import Arrivals, Counted, Heard
from ingest.detectors.lanes import I64
from ingest.listening import Listening, Span
from ingest.telling import Known, over
from telemetry.anomaly import Anomaly, AnomalyKind

PERIODS = 3  # without a word and a sensor is silent ...
LEAST_MS = 10_000  # ... but not sooner than this
FIRST_WORD_MS = 240_000  # a sensor never heard may be warming up
HEARTBEAT_MS = 20_000  # without a heartbeat, of which one comes every few seconds, and a gateway is gone
RETURN_MS = 3_000  # a gateway that left has so long to come back before it is told
HUB_ITSELF = ""  # in the place of a sensor: what is remembered of the hub itself and of gateways


class _OfHub(msgspec.Struct, array_like=True):
    span: Span | None
    beats: dict[str, int]
    left: dict[str, Leave]
    back: dict[str, int]


class _OfSensor(msgspec.Struct, array_like=True):
    heard_ms: int
    first_seen_ms: int
    counted: Counted


_OF_HUB, _OF_SENSOR = msgspec.msgpack.Decoder(_OfHub), msgspec.msgpack.Decoder(_OfSensor)


class Silence:
    """Who was heard when, and which silences are open."""

    def __init__(self) -> None:
        self._listening = Listening()
        self._changed: set[str] = set()
        self._heard: dict[str, int] = {}
        self._first_seen: dict[str, int] = {}
        self._beats: dict[str, int] = {}
        self._left: dict[str, Leave] = {}
        self._back: dict[str, int] = {}
        self._open: dict[tuple[AnomalyKind, str], Anomaly] = {}
        self._arrivals = Arrivals()

    def resume(self, anomalies: Iterable[Anomaly]) -> None:
        """Go on with what an earlier process life has opened."""
        opened = list(anomalies)
        self._arrivals.resume(opened)
        for anomaly in opened:
            if anomaly.end_ms is None and anomaly.kind in (AnomalyKind.SILENCE, AnomalyKind.GATEWAY):
                self._open[anomaly.kind, anomaly.sensor] = anomaly

    def listen(self, at_ms: int) -> None:
        """The hub hears (again) from now on."""
        self._listening.begin(at_ms)

    def deafen(self, at_ms: int) -> None:
        """The hub hears nothing: nobody is to blame."""
        self._listening.end(at_ms)

    def sensor_heard(self, sensor: str, at_ms: int) -> None:
        """The sensor has said something of which no reading was made."""
        self._heard[sensor] = at_ms
        self._changed.add(sensor)

    def readings_heard(self, heard: Heard, sensors: Mapping[str, Known]) -> None:
        """Readings arrived, live ones and backlog, and some again. What came before a break says nothing of what came after
        it."""
        self._heard |= self._arrivals.fresh(heard)
        if self._listening.since_ms is not None:
            self._count(heard, sensors, self._listening.since_ms)

    def relive(
        self, sensor: str, known: Known, observed_ms: I64, now_ms: int, *, is_all: bool = True
    ) -> None:
        """Stored readings of a sensor that a killed process life may have heard after its last `dump`; before the hub listens.
        They are taken to have been as long on their way as the one before them. When they are not all, none is missing."""
        newest_ms, arrived_ms = self._arrivals.newest(sensor)
        later = observed_ms[observed_ms > newest_ms]
        since_ms = self._listening.lived_ms()
        if since_ms is None or not len(later):
            return
        since_ms = since_ms if is_all else now_ms
        arrived = np.minimum(later + (arrived_ms - newest_ms), now_ms - (not is_all))
        self._count(
            Heard([sensor], np.zeros(len(later), np.int64), later, arrived), {sensor: known}, since_ms
        )
        last_ms = int(arrived.max())
        self._heard[sensor] = max(self._heard.get(sensor, 0), last_ms)
        self._listening.relived(last_ms)

    def _count(self, heard: Heard, sensors: Mapping[str, Known], since_ms: int) -> None:
        self._changed.update(heard.sensors)
        listed = [sensors.get(one) for one in heard.sensors]
        self._arrivals.hear(
            heard,
            [known.period_s if known else 0.0 for known in listed],
            [max(since_ms, self._back.get(known.gateway, 0) if known else 0) for known in listed],
        )

    def newest_ms(self, sensor: str) -> int:
        """When the newest reading of the sensor was observed that was heard; 0 = none."""
        return self._arrivals.newest(sensor)[0]

    def frames_refused(self, sensor: str, count: int, at_ms: int) -> None:
        """Damaged frames of the sensor that its gateway has dropped since it started."""
        self._arrivals.frames_refused(sensor, count, at_ms)
        self._changed.add(sensor)

    def gateway_known(self, gateway: str) -> None:
        """The gateway has sent heartbeats before: they are expected."""
        self._beats.setdefault(gateway, 0)

    def gateway_beat(self, gateway: str, at_ms: int) -> None:
        """A heartbeat arrived."""
        if gateway in self._left or (AnomalyKind.GATEWAY, gateway) in self._open:
            self._left.pop(gateway, None)
            self._back[gateway] = at_ms
        self._beats[gateway] = at_ms

    def gateway_left(self, gateway: str, at_ms: int, *, orderly: bool) -> None:
        """The gateway said good-bye, or (not `orderly`) the broker said it in its stead."""
        self._beats.setdefault(gateway, 0)
        self._left.setdefault(gateway, Leave(at_ms, orderly))

    def gateway_retired(self, gateway: str, at_ms: int) -> list[Anomaly]:
        """Nobody waits for it any more; what that closes."""
        self._beats.pop(gateway, None)
        self._left.pop(gateway, None)
        self._back.pop(gateway, None)
        opened = self._open.get((AnomalyKind.GATEWAY, gateway))
        return [self._close(opened, max(at_ms, opened.start_ms))] if opened is not None else []

    def check(self, now_ms: int, sensors: Mapping[str, Known], gateways: Mapping[str, str]) -> list[Anomaly]:
        """What opened and closed since the last check. `gateways` maps each to its site."""
        since = self._listening.since_ms
        if since is None:
            return []
        counted = self._arrivals.check(now_ms, sensors)
        self._changed.update(one.sensor for one in counted)
        return [
            *self._check_gateways(now_ms, sensors, gateways),
            *self._check_sensors(now_ms, since, sensors),
            *counted,
        ]

    def _check_gateways(
        self, now_ms: int, sensors: Mapping[str, Known], gateways: Mapping[str, str]
    ) -> Iterator[Anomaly]:
        since, quiet_ms = self._listening.beats_since_ms, self._listening.quiet_ms
        for gateway, beat in self._beats.items():
            opened = self._open.get((AnomalyKind.GATEWAY, gateway))
            leave = self._left.get(gateway)
            gone = leave is not None and now_ms - leave.at_ms > RETURN_MS
            mute = quiet_ms(max(beat, since), now_ms) > HEARTBEAT_MS
            if opened is None and (gone or mute):
                start_ms = leave.at_ms if leave is not None else max(beat, since)
                site = gateways.get(gateway, "")
                places = (known.place for known in sensors.values() if known.site == site and known.place)
                place = next(places, site) if site else ""
                yield self._tell(absence.gateway_gone(gateway, site, place, start_ms, leave))
            elif opened is not None and leave is None and not mute and beat >= since:
                yield self._close(opened, beat)

    def _check_sensors(self, now_ms: int, since: int, sensors: Mapping[str, Known]) -> Iterator[Anomaly]:
        for sensor, known in sensors.items():
            if known.period_s <= 0:
                continue
            if sensor not in self._first_seen:
                self._first_seen[sensor] = now_ms
                self._changed.add(sensor)
            first_seen = self._first_seen[sensor]
            opened = self._open.get((AnomalyKind.SILENCE, sensor))
            heard = self._heard.get(sensor)
            if opened is not None:
                if heard is not None and heard > opened.start_ms:
                    yield self._close(opened, heard)
                continue
            if (AnomalyKind.GATEWAY, known.gateway) in self._open or known.gateway in self._left:
                continue
            patience = max(PERIODS * known.period_s * 1000, LEAST_MS if heard is not None else FIRST_WORD_MS)
            from_ms = max(heard or first_seen, since, self._back.get(known.gateway, 0))
            if self._listening.quiet_ms(from_ms, now_ms) > patience:
                yield self._tell(absence.silent(sensor, known, heard or from_ms, now_ms))
        if len(self._heard) + len(self._first_seen) > 4 * len(sensors) + 1000:
            self._heard = {sensor: at_ms for sensor, at_ms in self._heard.items() if sensor in sensors}
            self._first_seen = {one: at_ms for one, at_ms in self._first_seen.items() if one in sensors}
        for (kind, sensor), opened in list(self._open.items()):
            if kind is AnomalyKind.SILENCE and sensor not in sensors:
                yield self._close(opened, now_ms)

    def dump(self, now_ms: int) -> dict[str, bytes]:
        """What is remembered of every sensor that was heard since the last `dumped`; under HUB_ITSELF of hub and gateways."""
        hub = _OfHub(self._listening.leaves(now_ms), self._beats, self._left, self._back)
        return {HUB_ITSELF: msgspec.msgpack.encode(hub)} | {
            sensor: msgspec.msgpack.encode(
                _OfSensor(
                    self._heard.get(sensor, 0), self._first_seen.get(sensor, 0), self._arrivals.dump(sensor)
                )
            )
            for sensor in sorted(self._changed)
        }

    def dumped(self) -> None:
        """The last dump is safe."""
        self._changed.clear()

    def load(self, sensor: str, state: bytes) -> bool:
        """Go on with what `dump` gave, before the hub listens; False when it is of another make and is left out."""
        try:
            if sensor == HUB_ITSELF:
                self._revive(_OF_HUB.decode(state))
                return True
            kept = _OF_SENSOR.decode(state)
        except msgspec.DecodeError:
            return False
        for known_ms, at_ms in ((self._heard, kept.heard_ms), (self._first_seen, kept.first_seen_ms)):
            if at_ms:
                known_ms[sensor] = at_ms
        return self._arrivals.load(sensor, kept.counted)

    def _revive(self, kept: _OfHub) -> None:
        """Gateways may have been heard already in this process life."""
        if kept.span is not None:
            self._listening.resume(kept.span)
        for gateway, leave in kept.left.items():
            if self._beats.get(gateway):
                self._back[gateway] = self._beats[gateway]
            else:
                self._left[gateway] = leave
        self._back = kept.back | self._back
        for gateway, at_ms in kept.beats.items():
            self._beats[gateway] = max(at_ms, self._beats.get(gateway, 0))

    def _tell(self, anomaly: Anomaly) -> Anomaly:
        self._open[anomaly.kind, anomaly.sensor] = anomaly
        return anomaly

    def _close(self, anomaly: Anomaly, at_ms: int) -> Anomaly:
        del self._open[anomaly.kind, anomaly.sensor]
        return over(anomaly, at_ms)
