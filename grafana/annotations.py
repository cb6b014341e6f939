"""Marks over the charts: the anomalies, from start to end, with their sentence in both languages. Pure."""

from grafana import vital_queries
from grafana.model import DATASOURCE, Json

ANOMALIES: Json = {
    "datasource": DATASOURCE,
    "enable": True,
    "hide": False,
    "iconColor": "orange",
    "name": "Anomalies · Bất thường",
    "target": {
        "fromAnnotations": True,
        "query": vital_queries.anomalies(),
        "queryType": "tags",
        "rawQuery": True,
        "refId": "Anno",
        "resultFormat": "table",
        "tagsColumn": "severity,sensor,kind",
        "textColumn": "text",
        "timeEndColumn": "end_ms",
        "titleColumn": "text_vi",
    },
}
