"""Marks over the charts: anomalies and alarms, from start to end, with their sentence in both languages. Pure."""

from grafana import vital_queries
from grafana.model import DATASOURCE, Json


def _marks(name: str, colour: str, query: str, tags: str) -> Json:
    return {
        "datasource": DATASOURCE,
        "enable": True,
        "hide": False,
        "iconColor": colour,
        "name": name,
        "target": {
            "fromAnnotations": True,
            "query": query,
            "queryType": "tags",
            "rawQuery": True,
            "refId": "Anno",
            "resultFormat": "table",
            "tagsColumn": tags,
            "textColumn": "text",
            "timeEndColumn": "end_ms",
            "titleColumn": "text_vi",
        },
    }


ANOMALIES = _marks("Anomalies · Bất thường", "orange", vital_queries.anomalies(), "severity,sensor,kind")
ALARMS = _marks("Alarms · Cảnh báo", "red", vital_queries.alarms(), "severity,state,site,family")
ALL = (ANOMALIES, ALARMS)
