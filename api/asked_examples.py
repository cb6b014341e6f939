"""What to ask, for the reference: an example of every parameter and body, each of which works in a city that has the place."""

from typing import Any

PARAMETERS: dict[str, Any] = {
    "sensor": "bai-chay-pm-1",
    "site": "bai-chay",
    "gateway": "gw-bai-chay",
    "quantity": "pm25",
    "start": "2026-11-23T06:30:00+07:00",
    "end": "2026-11-23T08:00:00+07:00",
    "window": "PT15M",
    "function": "max",
    "fill": "previous",
    "bbox": "107.0,20.9,107.2,21.0",
    "on": "2026-11-23",
    "at": "2026-11-23T00:30:00Z",
    "protocol": "pms5003",
    "limit": 100,
    "format": "json",
    "$filter": "name eq 'Bãi Cháy'",
    "$select": "id,name",
    "$expand": "Datastreams($expand=Observations($top=1;$orderby=phenomenonTime desc))",
    "$orderby": "name desc",
    "$top": "10",
    "$skip": "0",
    "$count": "true",
    "path": "Things",
}
# Where a name means something else.
OF_PATH: dict[tuple[str, str], Any] = {
    ("/v1/sensors", "kind"): "air",
    ("/v1/sensors", "state"): "ok",
    ("/v1/anomalies", "kind"): "spike",
    ("/v1/alarms", "state"): "open",
    ("/v1/alarms", "severity"): "warning",
    ("/v1/alarms", "family"): "city",
    ("/v1/stream", "kind"): "anomaly",
    ("/v1/completeness", "by"): "sensor",
    ("/v1/completeness", "per"): "hour",
    ("/v1/aqi/history", "scale"): "day",
    ("/v1/quarantine", "reason"): "undecodable",
}
_WORK = "beside the reference station for two weeks"
BODIES: dict[str, Any] = {
    "/v1/corrections": {
        "sensor": "bai-chay-pm-1",
        "quantity": "pm25",
        "factor": 0.83,
        "offset": 1.2,
        "start": "2026-11-20T08:00:00+07:00",
        "reason": _WORK,
    },
    "/v1/validity": {
        "sensor": "bai-chay-pm-1",
        "start": "2026-11-23T06:40:00+07:00",
        "end": "2026-11-23T07:10:00+07:00",
        "reason": "painters in the street",
    },
    "/v1/mutes": {
        "sensor": "bai-chay-pm-1",
        "quantity": "pm25",
        "kind": "spike",
        "hours": 8,
        "reason": "fireworks",
    },
    "/v1/maintenance": {
        "site": "bai-chay",
        "start": "2026-11-23T08:00:00+07:00",
        "end": "2026-11-23T12:00:00+07:00",
        "reason": "new inlet tubes",
    },
    "/v1/anomalies/{anomaly_id}/comments": {"comment": "Sent a technician"},
    "/v1/anomalies/{anomaly_id}/acknowledge": {"comment": "Sent a technician"},
    "/v1/alarms/{alarm_id}/comments": {"comment": "Sent a technician"},
    "/v1/alarms/{alarm_id}/acknowledge": {"comment": "Sent a technician"},
}


def put_into(path: str, operation: dict[str, Any]) -> None:
    """The examples of one operation of an OpenAPI document."""
    for parameter in operation.get("parameters", ()):
        name = parameter["name"]
        given = OF_PATH.get((path, name), PARAMETERS.get(name))
        if given is not None:
            kinds = [parameter["schema"], *parameter["schema"].get("anyOf", ())]
            several = any(kind.get("type") == "array" for kind in kinds)
            parameter["example"] = [given] if several else given
    if path in BODIES and "requestBody" in operation:
        operation["requestBody"]["content"]["application/json"]["example"] = BODIES[path]
