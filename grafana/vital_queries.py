"""InfluxQL over what the hub tells of itself, its gateways, sensors and hours (docs/metrics.md), in the same subset. Pure.

Variables as in `grafana.queries`, and `$gateway`. Counters restart with the agent or the hub: a step down is no rate.
"""

_SITE = '$timeFilter AND "site" =~ /^$site$/'
_SENSOR = f'{_SITE} AND "sensor" =~ /^$sensor$/'
_GATEWAY = f'{_SITE} AND "gateway" =~ /^$gateway$/'
OFFERED_FOR = "time > now() - 24h"


def gateways() -> str:
    """The values of the variable `gateway`: those of the chosen sites."""
    return f'SHOW TAG VALUES FROM "gateway" WITH KEY = "gateway" WHERE {OFFERED_FOR} AND "site" =~ /^$site$/'


def gateway_table() -> str:
    """(time, …) the newest of what each gateway says: one row each."""
    columns = (
        "online",
        "heard_s",
        "backlog",
        "oldest_s",
        "clock",
        "ahead_s",
        "undated",
        "ports_down",
        "sensors",
        "silent",
    )
    wanted = ", ".join(f'last("{name}") AS "{name}"' for name in columns)
    return f'SELECT {wanted} FROM "gateway" WHERE {_GATEWAY} GROUP BY "gateway"'


def gateway_figure(name: str, function: str = "max") -> str:
    """The `function` of one figure of each gateway in each window that has any."""
    return f'SELECT {function}("{name}") FROM "gateway" WHERE {_GATEWAY} GROUP BY time($__interval), "gateway" fill(none)'


def port_rate(name: str) -> str:
    """What one counter of each port rose by, a second."""
    inner = f'non_negative_derivative(max("{name}"), 1s)'
    return f'SELECT {inner} FROM "port" WHERE {_GATEWAY} GROUP BY time($__interval), "gateway", "port" fill(none)'


def port_table() -> str:
    """(time, up, frames, bad, readings, lost) the newest of each port."""
    wanted = ", ".join(f'last("{name}") AS "{name}"' for name in ("up", "frames", "bad", "readings", "lost"))
    return f'SELECT {wanted} FROM "port" WHERE {_GATEWAY} GROUP BY "gateway", "port"'


def offline() -> str:
    """How many gateways are not online, by the newest word of each."""
    newest = f'SELECT last("online") AS "online" FROM "gateway" WHERE {_SITE} GROUP BY "gateway"'
    return f'SELECT count("online") - sum("online") FROM ({newest}) WHERE $timeFilter'


def silent() -> str:
    """How many sensors are silent that should not be, by the newest word of each."""
    newest = f'SELECT last("silent") AS "silent" FROM "sensor" WHERE {_SITE} GROUP BY "sensor"'
    return f'SELECT sum("silent") FROM ({newest}) WHERE $timeFilter'


def longest_silent() -> str:
    """(time, age_s, period_s, silent) of each sensor, as the hub judges it."""
    wanted = ", ".join(f'last("{name}") AS "{name}"' for name in ("silent", "period_s", "age_s"))
    return f'SELECT {wanted} FROM "sensor" WHERE {_SENSOR} GROUP BY "sensor"'


def completeness(by: str = "") -> str:
    """The share (0 to 1) of the readings expected in each hour that are stored and valid; of everything or for each `by`."""
    grouping = f', "{by}"' if by else ""
    return f'SELECT sum("good") / sum("expected") FROM "ledger" WHERE {_SENSOR} GROUP BY time($__interval){grouping} fill(none)'


def hours(names: tuple[str, ...]) -> str:
    """The sums of some columns of the ledger over each window."""
    wanted = ", ".join(f'sum("{name}") AS "{name}"' for name in names)
    return f'SELECT {wanted} FROM "ledger" WHERE {_SENSOR} GROUP BY time($__interval) fill(none)'


def ledger_table() -> str:
    """(start, expected, …, pending) of each sensor over the time range."""
    names = ("expected", "good", "stored", "quarantined", "late", "given_up", "lost", "pending", "estimated")
    wanted = ", ".join(f'sum("{name}") AS "{name}"' for name in names)
    return f'SELECT {wanted} FROM "ledger" WHERE {_SENSOR} GROUP BY "sensor"'


def ingest_rate(names: tuple[str, ...]) -> str:
    """What some counters of ingest rose by, a second."""
    wanted = ", ".join(f'non_negative_derivative(max("{name}"), 1s) AS "{name}"' for name in names)
    return f'SELECT {wanted} FROM "ingest" WHERE $timeFilter GROUP BY time($__interval) fill(none)'


def ingest_figure(names: tuple[str, ...], function: str = "max") -> str:
    """The `function` of some figures of ingest in each window that has any."""
    wanted = ", ".join(f'{function}("{name}") AS "{name}"' for name in names)
    return f'SELECT {wanted} FROM "ingest" WHERE $timeFilter GROUP BY time($__interval) fill(none)'


def ingest_now(name: str) -> str:
    """The newest of one figure of ingest."""
    return f'SELECT last("{name}") FROM "ingest" WHERE $timeFilter'


def ingest_rose(names: tuple[str, ...]) -> str:
    """What some counters rose by in each window."""
    wanted = ", ".join(f'non_negative_difference(max("{name}")) AS "{name}"' for name in names)
    return f'SELECT {wanted} FROM "ingest" WHERE $timeFilter GROUP BY time($__interval) fill(none)'


def anomalies(where: str = "") -> str:
    """(start, what, who, when over) of each anomaly, for annotations. One `$timeFilter`: Grafana replaces the first."""
    columns = ("text", "text_vi", "end_ms", "severity", "sensor", "kind")
    return _newest("anomaly", columns, where)


def alarms(where: str = "") -> str:
    """(time of opening, what, where, when over) of each alarm, for annotations."""
    columns = ("text", "text_vi", "end_ms", "severity", "state", "site", "family")
    return _newest("alarm", columns, where)


def _newest(name: str, columns: tuple[str, ...], where: str) -> str:
    wanted = ", ".join(f'"{column}"' for column in columns)
    chosen = f"$timeFilter AND {where}" if where else "$timeFilter"
    return f'SELECT {wanted} FROM "{name}" WHERE {chosen} ORDER BY time DESC LIMIT 500'


def air_now() -> str:
    """(time, index) VN_AQI of each site, the newest."""
    return f'SELECT last("now") FROM "aqi" WHERE {_SITE} GROUP BY "site"'


def air(field: str) -> str:
    """VN_AQI of each site in each window that has any: `now` as it moved, or `hour` of clock hours, at their start."""
    return f'SELECT last("{field}") FROM "aqi" WHERE {_SITE} GROUP BY time($__interval), "site" fill(none)'


def limit_in_force(quantity: str, hours: int) -> str:
    """The limit that the hub judges by in each window, at each site, for means over so many hours."""
    wanted = f"{_SITE} AND \"quantity\" = '{quantity}' AND \"hours\" = '{hours}'"
    return f'SELECT last("limit") FROM "limit" WHERE {wanted} GROUP BY time($__interval), "site" fill(none)'
