"""Alert rules, contact points and the notification policy for Grafana's own alerting, as provisioning files. Pure.

Each rule: A asks InfluxQL, B takes the last value of each series, C compares it. In an alert query there are no variables,
`$timeFilter` stands as it is, windows are written out, and the data source is named by its fixed uid.
https://grafana.com/docs/grafana/latest/alerting/set-up/provision-alerting-resources/file-provisioning/
"""

from typing import Any, NamedTuple

from grafana import limits
from grafana.looks import bilingual
from grafana.provision import DATASOURCE_UID, FOLDER, file

EVALUATED = "1m"
RECEIVER = "halong-operators"


class Rule(NamedTuple):
    """Fires when the last value of a series of `query` is above (or below) `limit` for `lasting`. `range_s` is looked back.

    With `against`, a query with the limit of each site, `limit` is how far above that. `absent` is the state without any
    series: "OK", or "Alerting" where the hub itself must have said something.
    """

    uid: str
    title: str
    query: str
    over: bool
    limit: float
    lasting: str
    range_s: int
    severity: str
    summary: str
    dashboard: str
    absent: str = "OK"
    against: str = ""


_LAEQ = (
    'SELECT 10 * log10(mean("x")) FROM (SELECT exp("value" * 0.2302585092994046) AS "x" FROM "{}" WHERE $timeFilter'
    ' GROUP BY "sensor", "site") WHERE $timeFilter GROUP BY time(10m), "sensor", "site" fill(none)'
)
_CHECK = f" ({limits.TO_BE_CHECKED})"

RULES = (
    Rule(
        "halong-sensor-silent",
        bilingual("Sensor silent", "Cảm biến im lặng"),
        'SELECT last("silent") FROM "sensor" WHERE $timeFilter GROUP BY time(1m), "sensor", "site" fill(none)',
        True,
        0.5,
        "2m",
        600,
        "warning",
        "{{ .Labels.sensor }} ({{ .Labels.site }}): no readings · không có số liệu",
        "halong-completeness",
    ),
    Rule(
        "halong-gateway-offline",
        bilingual("Gateway offline", "Trạm thu mất kết nối"),
        'SELECT last("online") FROM "gateway" WHERE $timeFilter GROUP BY time(1m), "gateway", "site" fill(none)',
        False,
        0.5,
        "1m",
        600,
        "critical",
        "{{ .Labels.gateway }} ({{ .Labels.site }}): not heard · mất kết nối",
        "halong-gateways",
    ),
    Rule(
        "halong-backlog-growing",
        bilingual("Backlog growing", "Dữ liệu chờ gửi tăng"),
        'SELECT last("oldest_s") FROM "gateway" WHERE $timeFilter GROUP BY time(1m), "gateway", "site" fill(none)',
        True,
        300.0,
        "5m",
        900,
        "warning",
        "{{ .Labels.gateway }} ({{ .Labels.site }}): the oldest pack waits for more than 5 minutes · gói chờ lâu hơn 5 phút",
        "halong-gateways",
    ),
    Rule(
        "halong-hub-quiet",
        bilingual("The hub writes nothing", "Trung tâm không ghi"),
        'SELECT last("store_ready") FROM "ingest" WHERE $timeFilter GROUP BY time(1m) fill(none)',
        False,
        0.5,
        "3m",
        300,
        "critical",
        "The hub says nothing of itself, or its store is away · Trung tâm không báo, hoặc kho gián đoạn",
        "halong-pipeline",
        absent="Alerting",
    ),
    Rule(
        "halong-pm25-day",
        bilingual("PM2.5 over the 24 h limit", "PM2.5 vượt giới hạn 24 giờ") + _CHECK,
        'SELECT mean("value") FROM "pm25" WHERE $timeFilter GROUP BY "sensor", "site"',
        True,
        limits.PM25_DAY,
        "10m",
        86_400,
        "warning",
        "{{ .Labels.sensor }} ({{ .Labels.site }}): 24 h mean {{ .Values.B }} µg/m³",
        "halong-air",
    ),
    Rule(
        "halong-pm10-day",
        bilingual("PM10 over the 24 h limit", "PM10 vượt giới hạn 24 giờ") + _CHECK,
        'SELECT mean("value") FROM "pm10" WHERE $timeFilter GROUP BY "sensor", "site"',
        True,
        limits.PM10_DAY,
        "10m",
        86_400,
        "warning",
        "{{ .Labels.sensor }} ({{ .Labels.site }}): 24 h mean {{ .Values.B }} µg/m³",
        "halong-air",
    ),
    Rule(
        "halong-noise",
        bilingual("Noise over the limit of the hour", "Tiếng ồn vượt giới hạn theo giờ") + _CHECK,
        _LAEQ.format(limits.NOISE),
        True,
        0.0,
        "20m",
        3600,
        "warning",
        "{{ .Labels.sensor }} ({{ .Labels.site }}): LAeq of 10 minutes {{ .Values.B }} dBA",
        "halong-noise",
        against='SELECT last("limit") FROM "limit" WHERE $timeFilter AND "quantity" = '
        f"'{limits.NOISE}' AND \"hours\" = '1' GROUP BY time(1m), \"site\" fill(none)",
    ),
)


def _data(rule: Rule) -> list[object]:
    """A asks, B takes the last value, C compares; with `against` L and M for the limit, and D, the difference, is compared."""
    expression: dict[str, object] = {"datasource": {"type": "__expr__", "uid": "__expr__"}}
    reduced = expression | {"reducer": "last", "settings": {"mode": "dropNN"}, "type": "reduce"}
    compared = expression | {
        "conditions": [{"evaluator": {"params": [rule.limit], "type": "gt" if rule.over else "lt"}}],
        "expression": "D" if rule.against else "B",
        "refId": "C",
        "type": "threshold",
    }
    models: list[dict[str, object]] = [_asked("A", rule.query), reduced | {"expression": "A", "refId": "B"}]
    if (
        rule.against
    ):  # the series of a sensor meets that of its site: labels of one are among those of the other
        models += [_asked("L", rule.against), reduced | {"expression": "L", "refId": "M"}]
        models.append(expression | {"expression": "$B - $M", "refId": "D", "type": "math"})
    return [
        {
            "refId": model["refId"],
            "datasourceUid": DATASOURCE_UID if "query" in model else "__expr__",
            "relativeTimeRange": {"from": rule.range_s, "to": 0},
            "model": model,
        }
        for model in [*models, compared]
    ]


def _asked(name: str, query: str) -> dict[str, object]:
    return {
        "datasource": {"type": "influxdb", "uid": DATASOURCE_UID},
        "intervalMs": 60_000,
        "maxDataPoints": 1000,
        "query": query,
        "rawQuery": True,
        "refId": name,
        "resultFormat": "time_series",
    }


def groups() -> list[dict[str, Any]]:
    """The one group of rules, as Grafana's file has it."""
    rules = [
        {
            "uid": rule.uid,
            "title": rule.title,
            "condition": "C",
            "for": rule.lasting,
            "noDataState": rule.absent,
            "execErrState": "KeepLast",  # a database that restarts is no alarm
            "labels": {"severity": rule.severity, "system": "halong"},
            # no $labels: Grafana would put the environment's variable of that name here
            "annotations": {"summary": rule.summary, "dashboard": f"/d/{rule.dashboard}"},
            "data": _data(rule),
        }
        for rule in RULES
    ]
    return [{"orgId": 1, "name": "halong", "folder": FOLDER, "interval": EVALUATED, "rules": rules}]


CONTACTS: list[object] = [
    {
        "orgId": 1,
        "name": RECEIVER,
        "receivers": [
            {
                "uid": "halong-webhook",
                "type": "webhook",
                "settings": {"url": "$HALONG_GRAFANA_WEBHOOK", "httpMethod": "POST"},
                "disableResolveMessage": False,
            },
            {
                "uid": "halong-email",
                "type": "email",
                "settings": {"addresses": "$HALONG_GRAFANA_EMAILS", "singleEmail": True},
                "disableResolveMessage": False,
            },
        ],
    }
]
POLICIES: list[object] = [
    {
        "orgId": 1,
        "receiver": RECEIVER,
        "group_by": ["grafana_folder", "alertname", "site"],
        "group_wait": "30s",
        "group_interval": "5m",
        "repeat_interval": "4h",
        "routes": [
            {
                "receiver": RECEIVER,
                "object_matchers": [["severity", "=", "critical"]],
                "group_wait": "10s",
                "repeat_interval": "1h",
            }
        ],
    }
]


# The rules are loaded with the rest. Where to send is only sampled: Grafana does not start with an empty address.
FILES = {
    "provisioning/alerting/halong.yaml": file(
        "Limits are to be checked against the rule in force.", "groups", groups()
    ),
    "samples/contactpoints.yaml": file("Where to send is in the environment.", "contactPoints", CONTACTS),
    "samples/policies.yaml": file("It replaces Grafana's whole tree of policies.", "policies", POLICIES),
}
