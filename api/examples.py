"""What each route answers, for the reference: one true-to-life example each, and the problem document of its errors."""

from typing import Any

from api.alarms_examples import EXAMPLES as ALARMS
from api.records_examples import EXAMPLES

_READING = {"time": "2026-11-23T01:00:00.123Z", "t": 1795395600123, "value": 18.0, "flags": 0}
_AIR = {
    "kind": "site",
    "id": "bai-chay",
    "name": "Bãi Cháy",
    "start": "2026-11-23T00:00:00.000Z",
    "end": "2026-11-23T01:00:00.000Z",
    "t": 1795392000000,
    "vn_aqi": 41,
    "band": {"name": "Good", "name_vi": "Tốt", "colour": "#00e400"},
    "main": "pm25",
    "parts": {"pm25": 41},
    "concentrations": {"pm25": 20.27},
    "us_aqi": 72,
    "reason": None,
    "hours": {"pm25": [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]},
    "complete": True,
}
_AIR_DAY = {
    **_AIR,
    "start": "2026-11-22T17:00:00.000Z",
    "end": "2026-11-23T17:00:00.000Z",
    "t": 1795366800000,
}
_AIR_DAY["hours"] = 24
_EXAMPLES: dict[str, Any] = {
    "aqi": {"items": [_AIR], "next": None},
    "aqi_hour": {"items": [_AIR], "next": None},
    "aqi_day": {"items": [_AIR_DAY], "next": None},
    "aqi_history": {"scale": "hour", "items": [_AIR], "next": None},
    "sensors": {
        "items": [
            {
                "id": "bai-chay-pm-1",
                "name": "Bụi mịn, Bãi Cháy",
                "site": "bai-chay",
                "gateway": "gw-bai-chay",
                "protocol": "pms5003",
                "quantities": [{"name": "pm25", "unit": "ug/m3"}],
                "period_s": 1.0,
                "latitude": None,
                "longitude": None,
                "since": "2026-11-20T00:00:00.000Z",
                "last": "2026-11-23T01:00:00.123Z",
                "state": "ok",
            }
        ],
        "next": None,
    },
    "sites": {
        "items": [
            {
                "id": "bai-chay",
                "name": "Bãi Cháy",
                "latitude": 20.953,
                "longitude": 107.043,
                "kind": "beach",
            }
        ],
        "next": None,
    },
    "gateways": {
        "items": [
            {
                "id": "gw-bai-chay",
                "site": {"id": "bai-chay", "name": "Bãi Cháy"},
                "online": True,
                "last_seen": "2026-11-23T01:00:00.000Z",
                "retired": None,
                "sensors": 5,
                "accepted": 48211,
                "backlog": 0,
                "set_aside": 0,
                "given_up": 0,
                "oldest": None,
                "version": "0.3.0",
                "configuration": "5f1c09ab",
                "problems": [],
                "clock": {"source": "ntp", "ahead_ms": 2, "steps": 0, "corrections": 0, "undated": 0},
                "ports": [
                    {
                        "name": "/dev/serial/by-id/usb-particles",
                        "up": True,
                        "frames": 3600,
                        "bad": 1,
                        "readings": 10800,
                        "lost": 0,
                        "problem": "",
                        "units": [],
                    }
                ],
                "disk": {
                    "free": 24_800_000_000,
                    "total": 31_200_000_000,
                    "journal": 412_000_000,
                    "written_day": 960_000_000,
                    "worn_percent": 10,
                },
                "unwell": [
                    {"sensor": "bai-chay-pm-1", "health": "faulty", "read": 3590, "bad": 41, "late": 0}
                ],
            }
        ],
        "next": None,
    },
    "quantities": {
        "items": [
            {
                "name": "noise_laeq",
                "unit": "dB",
                "kind": "level_db",
                "aggregate": "energy_mean",
                "low": 20,
                "high": 140,
                "decimals": 1,
                "title": "Equivalent sound level",
                "title_vi": "Mức âm tương đương",
            }
        ],
        "next": None,
    },
    "latest": {
        "items": [
            {
                "sensor": "bai-chay-pm-1",
                "site": "bai-chay",
                "quantity": "pm25",
                "t": 1795395600123,
                "value": 18.0,
                "flags": 0,
                "time": "2026-11-23T01:00:00.123Z",
                "unit": "ug/m3",
            }
        ],
        "next": None,
    },
    "readings": {
        "sensor": "bai-chay-pm-1",
        "quantity": "pm25",
        "unit": "ug/m3",
        "items": [_READING],
        "next": "1795395600124",
    },
    "aggregate": {
        "quantity": "pm25",
        "unit": "ug/m3",
        "function": "mean",
        "window": "PT5M",
        "items": [
            {
                "sensor": "bai-chay-pm-1",
                "start": "2026-11-23T01:00:00.000Z",
                "t": 1795395600000,
                "value": 17.6,
                "count": 300,
            }
        ],
        "next": None,
    },
    "anomalies": {
        "items": [
            {
                "id": "8c1f2b7a90d3e4f5",
                "sensor": "ha-tu-pm-1",
                "quantity": "pm25",
                "site": "ha-tu",
                "kind": "spike",
                "severity": "warning",
                "start": "2026-11-23T01:00:00.000Z",
                "start_ms": 1795395600000,
                "end": None,
                "end_ms": None,
                "score": 3.4,
                "value": 214.0,
                "expected": 34.0,
                "low": 16.0,
                "high": 52.0,
                "text": "Bụi mịn, Hà Tu: PM2.5 is 214.0 µg/m³, 16.0 to 52.0 µg/m³ is usual now.",
                "text_vi": "Bụi mịn, Hà Tu: bụi PM2.5 là 214,0 µg/m³, bình thường lúc này từ 16,0 đến 52,0 µg/m³.",
                "acknowledged": None,
            }
        ],
        "next": None,
    },
    **EXAMPLES,
    **ALARMS,
    "healthz": {"status": "alive", "version": "0.1.0", "uptime_s": 86400},
    "readyz": {"status": "ready", "checks": {"broker": True, "store": True, "clock": True}},
    "account": {"messages_received": 5120, "messages_decoded": 5120, "readings_stored": 60211},
}
_EXAMPLES["overview"] = {
    "time": "2026-11-23T01:00:00.500Z",
    "version": "0.1.0",
    "map": {"tiles": "", "attribution": ""},
    **{part: _EXAMPLES[part]["items"] for part in ("sites", "sensors", "gateways", "quantities")},
    "latest": [
        {
            key: _EXAMPLES["latest"]["items"][0][key]
            for key in ("sensor", "site", "quantity", "t", "value", "flags")
        }
    ],
    "alarms": ALARMS["alarms"]["items"],
    "anomalies": _EXAMPLES["anomalies"]["items"],
}
_EXAMPLES |= {
    "anomaly": {
        **_EXAMPLES["anomalies"]["items"][0],
        "acknowledged": {"time": "2026-11-23T01:02:00.000Z", "who": "night shift (0123456789ab)"},
        "comments": [
            {
                "time": "2026-11-23T01:02:00.000Z",
                "who": "night shift (0123456789ab)",
                "acknowledges": True,
                "comment": "Sent a technician",
            }
        ],
    },
    "traffic": {
        "items": [
            {
                "site": "bai-chay",
                "name": "Bãi Cháy",
                "start": "2026-11-23T00:45:00.000Z",
                "end": "2026-11-23T01:00:00.000Z",
                "sensors": 2,
                "vehicles": 212,
                "flow": 848.0,
                "speed": 38.4,
                "speed_p85": 47.0,
                "p85_from": "readings",
                "occupancy": 11.2,
            }
        ],
        "next": None,
    },
    "session": {"name": "night shift", "role": "operator", "sites": None, "reading": "key"},
    "keys": {
        "items": [
            {
                "id": "0123456789ab",
                "name": "night shift",
                "role": "operator",
                "sites": ["bai-chay"],
                "created": "2026-11-20T00:00:00.000Z",
                "created_by": "root (command line)",
                "expires": None,
                "revoked": None,
            }
        ],
        "next": None,
    },
    "audit": {
        "items": [
            {
                "id": 7,
                "time": "2026-11-23T01:00:00.000Z",
                "who": "night shift (0123456789ab)",
                "role": "operator",
                "action": "POST",
                "target": "/v1/session",
                "detail": "200",
            }
        ],
        "next": None,
    },
}
_EXAMPLES |= {
    "sta": {
        "value": [{"name": "Things", "url": "http://127.0.0.1:8080/sta/v1.1/Things"}],
        "serverSettings": {
            "conformance": ["http://www.opengis.net/spec/iot_sensing/1.1/req/datamodel"],
        },
    },
    "sta_things": {
        "@iot.count": 1,
        "value": [
            {
                "@iot.id": "bai-chay",
                "@iot.selfLink": "http://127.0.0.1:8080/sta/v1.1/Things('bai-chay')",
                "name": "Bãi Cháy",
                "description": "A place of the city where sensors stand (beach)",
                "properties": {"kind": "beach"},
                "Locations@iot.navigationLink": "http://127.0.0.1:8080/sta/v1.1/Things('bai-chay')/Locations",
                "Datastreams@iot.navigationLink": "http://127.0.0.1:8080/sta/v1.1/Things('bai-chay')/Datastreams",
            }
        ],
    },
}
_TEXTS = {
    "stream": (
        "text/event-stream",
        (
            'event: readings\nid: 5f2a9c01-17\ndata: [{"sensor":"bai-chay-pm-1","site":"bai-chay","quantity":"pm25",'
            '"t":1795395600123,"value":18.0,"flags":0}]\n\n'
        ),
    ),
    "metrics": ("text/plain", "halong_readings_stored_total 60211.0\n"),
}
_PROBLEM = {
    "type": "about:blank",
    "title": "Bad Request",
    "status": 400,
    "detail": "unknown parameter 'senor', did you mean 'sensor'?",
    "instance": "/v1/readings",
}
_PROBLEM_ANSWER = {
    "description": "A problem document (RFC 9457) that says what to do",
    "content": {"application/problem+json": {"example": _PROBLEM}},
}

_CSV, _PARQUET, _SENML = "text/csv", "application/vnd.apache.parquet", "application/senml+json"
_FORMS = {
    "sensors": ("application/geo+json",),
    "latest": (_CSV, _PARQUET, _SENML),
    "readings": (_CSV, _PARQUET, _SENML),
    "aggregate": (_CSV, _PARQUET),
    "sta_things": ("text/plain",),
}

Responses = dict[int | str, dict[str, Any]]


def example(name: str) -> Responses:
    """The `responses` of the route called `name`; KeyError when nobody has written its example."""
    if name == "nothing":
        return {204: {"description": "Done"}, "4XX": _PROBLEM_ANSWER}
    forms: dict[str, Any] = {media_type: {} for media_type in _FORMS.get(name, ())}
    media_type, content = _TEXTS[name] if name in _TEXTS else ("application/json", _EXAMPLES[name])
    return {
        200: {"content": {media_type: {"example": content}, **forms}},
        "4XX": _PROBLEM_ANSWER,
    }
