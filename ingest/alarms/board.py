"""Open alarms on MQTT: `alarm/<sensor>` holds those of one sensor (or gateway), retained, and is cleared with the last.

A topic that could not be said, or that an earlier life of the hub may have left, is said again until the link takes it.
"""

from collections.abc import Callable, Iterable

import msgspec

from telemetry import topics
from telemetry.alarm import Alarm, AlarmState, rank

SAID_AT_ONCE = 1000  # the link's own queue holds acknowledgements as well


class Board:
    """`say(topic, payload, retain=…)` is False when it was not taken."""

    def __init__(self, root: str, say: Callable[..., bool]) -> None:
        self._root, self._say = root, say
        self._open: dict[str, dict[str, Alarm]] = {}
        self._unsaid: dict[str, None] = {}

    def show(self, alarms: Iterable[Alarm]) -> None:
        """Alarms that opened, changed or closed."""
        for alarm in alarms:
            for sensor in alarm.sensors:
                of_sensor = self._open.setdefault(sensor, {})
                if alarm.state is AlarmState.CLOSED:
                    of_sensor.pop(alarm.id, None)
                    self._say(topics.alarm(self._root, sensor), msgspec.json.encode([alarm]))
                else:
                    of_sensor[alarm.id] = alarm
                self._unsaid[sensor] = None

    def forget_what_was_said(self) -> None:
        """The link is new: the broker may have forgotten everything."""
        self._unsaid |= dict.fromkeys(self._open)

    def say(self) -> None:
        """What has changed, retained: an array of the sensor's open alarms, the gravest first; empty clears the topic."""
        for sensor in list(self._unsaid)[:SAID_AT_ONCE]:
            alarms = sorted(
                self._open.get(sensor, {}).values(), key=lambda one: (-rank(one.severity), one.start_ms)
            )
            payload = msgspec.json.encode(alarms) if alarms else b""
            if not self._say(topics.alarm(self._root, sensor), payload, retain=True):
                return
            del self._unsaid[sensor]
            if not alarms:
                self._open.pop(sensor, None)
