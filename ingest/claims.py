"""Two gateways that list the same sensor, or send its readings: told while it lasts. Pure.

The first one keeps the sensor; what the other sends is set aside (`not owner`), and nobody knows which of them is right. A
gateway that only sends claims the sensor for as long as it goes on, and QUIET_MS longer.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from ingest.telling import over
from telemetry.anomaly import Anomaly, AnomalyKind, Severity, anomaly_id

QUIET_MS = 900_000
SENT_MAX = 1000  # pairs; what a flood of made-up gateways brings beyond is in quarantine like all of it, and not told


class Claim(NamedTuple):
    """`claimants` list the sensor, which `owner` has."""

    owner: str
    site: str
    claimants: tuple[str, ...]


class Claims:
    """Which conflicts are open."""

    def __init__(self) -> None:
        self._open: dict[str, Anomaly] = {}
        self._gateways: set[str] = set()
        self._sent: dict[tuple[str, str], int] = {}  # (sensor, gateway that does not own it), heard last
        self._resumed: dict[str, int] = {}  # sensors of an earlier life's conflicts, kept open until then

    def concern(self, gateway: str) -> bool:
        """Whether a birth of this gateway can end one."""
        return gateway in self._gateways

    def sent(self, pairs: Iterable[tuple[str, str]], now_ms: int) -> bool:
        """Live readings of these (sensor, gateway), which does not own it; whether that is new."""
        before = len(self._sent)
        for pair in pairs:
            if pair in self._sent or len(self._sent) < SENT_MAX:
                self._sent[pair] = now_ms
        return len(self._sent) > before

    def fade(self, now_ms: int) -> bool:
        """Whether somebody's readings have not come for QUIET_MS, so that it is time to look."""
        last = [*self._sent.values(), *(at_ms - QUIET_MS for at_ms in self._resumed.values())]
        return any(at_ms + QUIET_MS <= now_ms for at_ms in last)

    def resume(self, anomalies: Iterable[Anomaly], now_ms: int) -> None:
        """Go on with what an earlier process life has opened."""
        for anomaly in anomalies:
            if anomaly.end_ms is None and anomaly.kind is AnomalyKind.CLAIM:
                self._open[anomaly.sensor] = anomaly
                self._resumed[anomaly.sensor] = now_ms + QUIET_MS

    def look(
        self, listed: Mapping[str, Claim], owners: Mapping[str, tuple[str, str]], now_ms: int
    ) -> list[Anomaly]:
        """What opened, changed and closed, now that these sensors are listed twice; `owners` have (gateway, site)."""
        found = self._with_senders(listed, owners, now_ms)
        for sensor in found:
            self._resumed.pop(sensor, None)
        self._resumed = {sensor: at_ms for sensor, at_ms in self._resumed.items() if at_ms > now_ms}
        changes = []
        for sensor, claim in found.items():
            known = self._open.get(sensor)
            told = _anomaly(sensor, claim, known.start_ms if known is not None else now_ms)
            if told != known:
                self._open[sensor] = told
                changes.append(told)
        ended = self._open.keys() - found.keys() - self._resumed.keys()
        changes += [over(self._open.pop(sensor), now_ms) for sensor in sorted(ended)]
        self._gateways = {name for claim in found.values() for name in (claim.owner, *claim.claimants)}
        return changes

    def _with_senders(
        self, listed: Mapping[str, Claim], owners: Mapping[str, tuple[str, str]], now_ms: int
    ) -> dict[str, Claim]:
        self._sent = {
            (sensor, gateway): at_ms
            for (sensor, gateway), at_ms in self._sent.items()
            if at_ms + QUIET_MS > now_ms and owners.get(sensor, (gateway, ""))[0] != gateway
        }
        found = dict(listed)
        for sensor, gateway in self._sent:
            claim = found.get(sensor) or Claim(*owners[sensor], ())
            found[sensor] = claim._replace(claimants=tuple(sorted({*claim.claimants, gateway})))
        return found


def _anomaly(sensor: str, claim: Claim, start_ms: int) -> Anomaly:
    others, verb = " and ".join(claim.claimants), "claims" if len(claim.claimants) == 1 else "claim"
    return Anomaly(
        id=anomaly_id(sensor, "", AnomalyKind.CLAIM, start_ms),
        sensor=sensor,
        quantity="",
        site=claim.site,
        kind=AnomalyKind.CLAIM,
        severity=Severity.WARNING,
        start_ms=start_ms,
        end_ms=None,
        score=float(len(claim.claimants)),
        value=None,
        expected=None,
        low=None,
        high=None,
        text=f"{sensor} belongs to {claim.owner}, and {others} {verb} it too: what they send of it is set aside.",
        text_vi=f"{sensor} thuộc {claim.owner}, nhưng {' và '.join(claim.claimants)} cũng khai báo:"
        " số liệu từ đó được để riêng.",
    )
