"""Acts on what `ingest.hubclock` suspects: while the hub's clock may be wrong nothing is judged, acknowledged or quarantined."""

import asyncio
from collections.abc import Callable

import msgspec
import structlog

from ingest import words
from ingest.hubclock import HubClock
from ingest.receive import Inbox
from telemetry.anomaly import HUB, Anomaly, AnomalyKind, Severity, anomaly_id
from telemetry.messages import State

FOLLOWS = "hub"  # the source of a gateway that has its time from here

log = structlog.get_logger(__name__)


class ClockWatch:
    """`on_change` hears every change of `trusted`, an event that is set while the clock is not under suspicion, with how many
    packets were thrown away unacknowledged."""

    def __init__(
        self, hub_clock: HubClock, inbox: Inbox, *, clock: Callable[[], int], on_change: Callable[[int], None]
    ) -> None:
        self._hub_clock, self._inbox, self._clock, self._on_change = hub_clock, inbox, clock, on_change
        self._told: set[str] = set()
        self._open: Anomaly | None = None
        self._changes: list[Anomaly] = []
        self.trusted = asyncio.Event()
        self.trusted.set()

    def resume(self, anomalies: list[Anomaly]) -> None:
        """What an earlier life has left open is closed as soon as the gateways agree."""
        self._open = self._open or next(iter(anomalies), None)

    def listen(self) -> None:
        """The hub hears gateways from now on."""
        self._hub_clock.begin(_now_s())

    def state_heard(self, state: State, *, retained: bool) -> None:
        """A heartbeat or a farewell; one that the broker had kept says nothing about the time now."""
        if not state.online:
            self._hub_clock.left(state.gateway)
        elif state.time_ms > 0 and not retained:
            follows = state.clock is not None and state.clock.source == FOLLOWS
            self._hub_clock.heard(state.gateway, state.time_ms, _now_s(), follows=follows)
            self.look()

    def may_judge(self) -> bool:
        """May a reading be refused for its time now?"""
        return self._hub_clock.may_judge(self._clock(), _now_s())

    def look(self) -> None:
        """Notice what has changed; what was held goes on as soon as it may be judged."""
        now_ms, now_s = self._clock(), _now_s()
        suspect = self._hub_clock.look(now_ms, now_s)
        if suspect and self.trusted.is_set():
            self.trusted.clear()
            self._suspected()
            self._on_change(0)
        elif not suspect and not self.trusted.is_set():
            gone = self._inbox.flush()  # stamped by a wrong clock; unacknowledged, so they come again
            self.trusted.set()
            self._on_change(gone)
        if self._hub_clock.may_judge(now_ms, now_s):
            self._inbox.release()
            self._close()
        self._tell_lone_ones(now_ms, now_s)

    def reason(self) -> str | None:
        """Why the clock is not trusted; None while it is."""
        if self.trusted.is_set():
            return None
        return f"the gateways' clocks differ by {words.duration(abs(self._off_ms()))}: nothing is stored until that is cleared"

    def changes(self) -> list[Anomaly]:
        """What to record and to tell since the last call."""
        changes, self._changes = self._changes, []
        return changes

    def _off_ms(self) -> int:
        return self._hub_clock.off_ms(self._clock(), _now_s())

    def _suspected(self) -> None:
        off_ms = self._off_ms()
        start_ms = self._clock() + off_ms  # by the gateways' clocks
        log.error("the hub's clock is under suspicion: holding everything", gateways_ahead_ms=off_ms)
        far, far_vi = words.duration(abs(off_ms)), words.duration_vi(abs(off_ms))
        text = f"The hub's clock and those of its gateways differ by {far}: check the hub's clock. Nothing is stored meanwhile."
        text_vi = f"Đồng hồ của trung tâm lệch {far_vi} so với các trạm: hãy kiểm tra đồng hồ đó. Dữ liệu đang được giữ lại."
        self._open = self._open or Anomaly(
            id=anomaly_id(HUB, "", AnomalyKind.CLOCK, start_ms),
            sensor=HUB,
            quantity="",
            site="",
            kind=AnomalyKind.CLOCK,
            severity=Severity.CRITICAL,
            start_ms=start_ms,
            end_ms=None,
            score=1.0,
            value=off_ms / 1000,
            expected=0.0,
            low=None,
            high=None,
            text=text,
            text_vi=text_vi,
        )
        self._changes.append(self._open)

    def _close(self) -> None:
        if self._open is None:
            return
        log.warning("the hub's clock is trusted again")
        end_ms = max(self._clock(), self._open.start_ms)
        self._changes.append(msgspec.structs.replace(self._open, end_ms=end_ms))
        self._open = None

    def _tell_lone_ones(self, now_ms: int, now_s: float) -> None:
        wrong = set(self._hub_clock.alone(now_ms, now_s))
        for gateway in sorted(wrong - self._told):
            ahead = self._hub_clock.ahead_ms(now_ms, now_s)[gateway]
            log.warning("a gateway's clock looks wrong", gateway=gateway, ahead_ms=round(ahead))
        self._told = wrong


def _now_s() -> float:
    return asyncio.get_running_loop().time()
