"""Two gateways that list the same sensor: told while it lasts. Pure.

The first one keeps the sensor; what the other sends is set aside (`not owner`), and nobody knows which of them is right.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec

from ingest import words
from telemetry.anomaly import Anomaly, AnomalyKind, Severity, anomaly_id


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

    def concern(self, gateway: str) -> bool:
        """Whether a birth of this gateway can end one."""
        return gateway in self._gateways

    def resume(self, anomalies: Iterable[Anomaly]) -> None:
        """Go on with what an earlier process life has opened."""
        for anomaly in anomalies:
            if anomaly.end_ms is None and anomaly.kind is AnomalyKind.CLAIM:
                self._open[anomaly.sensor] = anomaly

    def look(self, found: Mapping[str, Claim], now_ms: int) -> list[Anomaly]:
        """What opened, changed and closed, now that these sensors are claimed twice."""
        changes = []
        for sensor, claim in found.items():
            known = self._open.get(sensor)
            told = _anomaly(sensor, claim, known.start_ms if known is not None else now_ms)
            if told != known:
                self._open[sensor] = told
                changes.append(told)
        changes += [_over(self._open.pop(sensor), now_ms) for sensor in self._open.keys() - found.keys()]
        self._gateways = {name for claim in found.values() for name in (claim.owner, *claim.claimants)}
        return changes


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


def _over(anomaly: Anomaly, at_ms: int) -> Anomaly:
    lasted = max(0, at_ms - anomaly.start_ms)
    return msgspec.structs.replace(
        anomaly,
        end_ms=anomaly.start_ms + lasted,
        text=f"{anomaly.text.rstrip('.')}; over after {words.duration(lasted)}.",
        text_vi=f"{anomaly.text_vi.rstrip('.')}; đã hết sau {words.duration_vi(lasted)}.",
    )
