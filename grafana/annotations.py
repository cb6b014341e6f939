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


def _both(of_anomalies: str = "", of_alarms: str = "") -> tuple[Json, Json]:
    anomalies, alarms = vital_queries.anomalies(of_anomalies), vital_queries.alarms(of_alarms)
    return (
        _marks(ANOMALIES, "orange", anomalies, "severity,sensor,kind"),
        _marks("Alarms · Cảnh báo", "red", alarms, "severity,state,site,family"),
    )


ANOMALIES = "Anomalies · Bất thường"
# What has no site is the hub's own or a storm's: it is drawn at every site.
_OF_SITES = """("site" =~ /^$site$/ OR "site" = '')"""
EVERYWHERE = _both()
OF_SITES = _both(_OF_SITES, _OF_SITES)
OF_SENSOR = _both('"sensor" =~ /^$sensor$/', '"sensors" =~ /(^|, )$sensor(,|$)/')
ALL = (*EVERYWHERE, *OF_SITES, *OF_SENSOR)
