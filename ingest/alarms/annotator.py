"""Alarms into InfluxDB as annotations, for Grafana to draw: a channel like those to people, so nothing is forgotten meanwhile.

    alarm,family=<…>,group=<…>[,site=<…>] id="…",text="…",text_vi="…",kind="…",severity="…",state="…",sensors="a, b",
        start_ms=<int>i[,end_ms=<int>i] <ms at which it opened>

A newer state of an alarm replaces the older one: its tags and the time at which it opened stay.
"""

from collections.abc import Iterable
from typing import Protocol

from ingest.alarms.channels import NotSentError
from ingest.alarms.routing import Route
from storage.outbox import Notice
from storage.points import Point
from storage.store import StoreUnavailableError
from telemetry.alarm import Alarm

NAME = "_influx"  # no configured channel can be called so
MEASUREMENT = "alarm"


class TakesPoints(Protocol):
    """A store that keeps points beside the readings: InfluxDB."""

    async def write_points(self, points: Iterable[Point]) -> None:
        """Durable on return. Raises StoreUnavailableError."""
        ...


class Annotator:
    """See `ingest.alarms.channels.Channel`."""

    def __init__(self, store: TakesPoints) -> None:
        self.route, self._store = Route(NAME), store

    async def send(self, notice: Notice) -> None:
        """See Channel."""
        try:
            await self._store.write_points([point(notice.alarm)])
        except StoreUnavailableError as error:
            raise NotSentError(str(error), error.retry_after_s) from None


def point(alarm: Alarm) -> Point:
    """As it is drawn."""
    return Point(
        MEASUREMENT,
        {"family": alarm.family, "group": alarm.group, "site": alarm.site},
        {
            "id": alarm.id,
            "text": alarm.text,
            "text_vi": alarm.text_vi,
            "kind": str(alarm.kind),
            "severity": str(alarm.severity),
            "state": str(alarm.state),
            "sensors": ", ".join(alarm.sensors),
            "start_ms": alarm.start_ms,
            "end_ms": alarm.end_ms,
        },
        alarm.opened_ms,
    )
