"""The vital signs of hub, gateways and sensors as points: what Grafana's operators look at beside the readings. Pure.

`gateway` and `port` are what gateways say of themselves, `ingest` is the hub's account, `sensor` how long each has been silent,
`ledger` the account of every sensor's hour, `anomaly` each episode at its start, `aqi` the index of each site, `limit` what may
not be exceeded there. Ages are in seconds, states 0 or 1.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from datetime import datetime
from typing import Any

from runtime.limits import Limit
from storage.inventory import GatewayRow, SensorRow
from storage.ledger import LedgerRow
from storage.points import Field, Point
from telemetry.anomaly import Anomaly
from telemetry.times import CITY_ZONE

HEARTBEAT_LOST_MS = 20_000  # as ingest judges it
NOWHERE = "unknown"  # the site of what has told none


def of_gateway(row: GatewayRow, sensors: int, silent: int, now_ms: int) -> Iterator[Point]:
    """A gateway and its ports; `sensors` hang on it, of which `silent` are. What it has not said is left out."""
    state = row.state
    heard_ms = None if row.last_seen_ms is None else max(0, now_ms - row.last_seen_ms)
    alive = state is not None and state.online and heard_ms is not None and heard_ms <= HEARTBEAT_LOST_MS
    fields: dict[str, Field | None] = {
        "online": int(alive),
        "heard_s": _seconds(heard_ms),
        "sensors": sensors,
        "silent": silent,
    }
    tags = {"gateway": row.id, "site": row.site or NOWHERE}
    if state is not None and state.online:
        clock = state.clock
        fields |= {
            "accepted": state.accepted,
            "backlog": state.backlog,
            "oldest_s": 0.0 if state.oldest_ms is None else _seconds(max(0, now_ms - state.oldest_ms)),
            "ack_s": None if state.last_ack_ms is None else _seconds(max(0, now_ms - state.last_ack_ms)),
            "set_aside": state.set_aside,
            "given_up": state.given_up,
            "journal": int(not state.journal_problem),
            "ports_down": sum(not port.up for port in state.ports),
            "clock": None if clock is None else int(bool(clock.source)),
            "clock_source": None if clock is None else clock.source or "none",
            "ahead_s": None if clock is None else _seconds(clock.ahead_ms),
            "undated": None if clock is None else clock.undated,
            "version": state.version or None,
        }
        for port in state.ports:
            yield Point(
                "port",
                tags | {"port": port.name},
                {
                    "up": int(port.up),
                    "frames": port.frames,
                    "bad": port.bad,
                    "readings": port.readings,
                    "lost": port.lost,
                    "problem": port.problem or None,
                },
                now_ms,
            )
    yield Point("gateway", tags, fields, now_ms)


def of_ingest(
    account: Mapping[str, int | float], ready: Mapping[str, bool], open_anomalies: int, now_ms: int
) -> Point:
    """The hub's account, and what it needs (`broker`, `store`, `clock`)."""
    counters = {name: float(value) if name.endswith("_ms") else int(value) for name, value in account.items()}
    return Point(
        "ingest",
        {},
        counters
        | {f"{part}_ready": int(good) for part, good in ready.items()}
        | {"open_anomalies": open_anomalies},
        now_ms,
    )


def of_sensors(
    rows: Sequence[SensorRow], heard: Mapping[str, int], silent: Set[str], now_ms: int
) -> Iterator[Point]:
    """How long each was silent (`heard` is its newest observation), and whether it should not have been."""
    for row in rows:
        at_ms = heard.get(row.id)
        yield Point(
            "sensor",
            {"sensor": row.id, "site": row.site or NOWHERE},
            {
                "silent": int(row.id in silent),
                "age_s": None if at_ms is None else _seconds(max(0, now_ms - at_ms)),
                "period_s": float(row.period_s) if row.period_s > 0 else None,
                "gateway": row.gateway or None,
                "name": row.name or None,
            },
            now_ms,
        )


def of_ledger(rows: Iterable[LedgerRow]) -> Iterator[Point]:
    """Each sensor's hour at its start: told again it overwrites itself. `good` of the `expected` are stored and valid."""
    for row in rows:
        found = row.figures
        yield Point(
            "ledger",
            {"sensor": row.sensor, "site": row.site or NOWHERE},
            {
                "expected": found.expected,
                "good": None if found.expected is None else found.good,
                "read": found.read,
                "accepted": found.accepted,
                "stored": found.stored,
                "duplicate": found.duplicate,
                "bad": found.bad,
                "quarantined": found.quarantined,
                "invalid": found.invalid,
                "late": found.late,
                "given_up": found.given_up,
                "lost": found.lost,
                "pending": found.pending,
                "estimated": found.estimated,
            },
            row.hour_ms,
        )


def of_anomalies(anomalies: Iterable[Anomaly]) -> Iterator[Point]:
    """Each at its start, with its end once it is over: told again it overwrites itself."""
    for one in anomalies:
        yield Point(
            "anomaly",
            {"sensor": one.sensor, "site": one.site, "kind": one.kind.value, "quantity": one.quantity},
            {
                "id": one.id,
                "severity": one.severity.value,
                "text": one.text,
                "text_vi": one.text_vi,
                "open": int(one.end_ms is None),
                "end_ms": one.end_ms,
                "score": float(one.score),
            },
            one.start_ms,
        )


def of_air(site: str, field: str, index: Mapping[str, Any], at_ms: int) -> Iterator[Point]:
    """A site's VN_AQI (as `api.air.of_hour` gives it) as `now`, or as `hour`, of the clock hour that begins at `at_ms`.

    Nothing where the rules give no index.
    """
    if index["vn_aqi"] is not None:
        yield Point(
            "aqi", {"site": site}, {field: index["vn_aqi"], f"{field}_main": str(index["main"])}, at_ms
        )


def of_limits(limits: Sequence[Limit], rows: Sequence[SensorRow], now_ms: int) -> Iterator[Point]:
    """The limit in force at this city hour for each site, quantity and length of mean; the first that fits, as for alarms."""
    city = datetime.fromtimestamp(now_ms / 1000, CITY_ZONE)
    measured = sorted({(row.site, quantity) for row in rows if row.site for quantity in row.quantities})
    for site, quantity in measured:
        found: dict[int, Limit] = {}
        for one in limits:
            if one.quantity == quantity and one.holds(site, city.date(), city.hour):
                found.setdefault(one.hours, one)
        for hours, one in found.items():
            tags = {"site": site, "quantity": quantity, "hours": str(hours)}
            yield Point("limit", tags, {"limit": float(one.limit), "rule": one.rule}, now_ms)


def _seconds(milliseconds: int | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000
