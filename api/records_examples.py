"""Examples of what the routes over the book's records answer."""

from typing import Any

_REPLAY = {
    "id": 7,
    "kind": "replay",
    "state": "done",
    "who": "api",
    "asked": "2026-11-23T01:00:00.000Z",
    "done": "2026-11-23T01:00:00.420Z",
    "result": {
        "stored": 1,
        "already there": 0,
        "still refused": 0,
        "entries": [{"id": 12, "outcome": "stored", "detail": "1 stored"}],
    },
}

_NOTED = {
    "id": 3,
    "sensor": "bai-chay-pm-1",
    "quantity": "pm25",
    "start": "2026-11-20T01:00:00.000Z",
    "end": None,
    "reason": "beside the reference station for two weeks",
    "who": "minh (2f1c09ab7d3e)",
    "noted": "2026-11-23T01:00:00.000Z",
    "undone": None,
    "undone_by": None,
}
_CORRECTION = {**_NOTED, "form": "linear", "factor": 0.83, "offset": 1.2}

_PERIOD = {
    "since": "2026-11-20T00:00:00.000Z",
    "until": "2026-11-22T03:15:00.000Z",
    "gateway": "gw-bai-chay",
    "site": "bai-chay",
    "protocol": "pms5003",
    "quantities": ["pm25"],
    "period_s": 1.0,
    "name": "Bụi mịn, Bãi Cháy",
    "latitude": None,
    "longitude": None,
    "serial": "B7-0031",
    "installed": None,
    "listed": True,
    "changed": [],
}

EXAMPLES: dict[str, Any] = {
    "dismissed": {"dismissed": 2},
    "history": {
        "sensor": "bai-chay-pm-1",
        "items": [
            _PERIOD,
            {
                **_PERIOD,
                "since": "2026-11-22T03:15:00.000Z",
                "until": None,
                "serial": "B7-0042",
                "installed": "2026-11-22T03:15:00.000Z",
                "changed": ["serial", "installed"],
            },
        ],
        "next": None,
    },
    "usual": {
        "sensor": "bai-chay-pm-1",
        "quantity": "pm25",
        "unit": "ug/m3",
        "items": [
            {
                "start": "2026-11-23T01:00:00.000Z",
                "t": 1795395600000,
                "low": 18.4,
                "expected": 26.1,
                "high": 33.8,
                "holiday": None,
                "holiday_vi": None,
            }
        ],
        "next": None,
    },
    "corrections": {"items": [_CORRECTION], "next": None},
    "correction": _CORRECTION,
    "validity": {"items": [_NOTED], "next": None},
    "invalid": _NOTED,
    "completeness": {
        "by": "sensor",
        "per": "hour",
        "items": [
            {
                "sensor": "bai-chay-pm-1",
                "site": "bai-chay",
                "gateway": "gw-bai-chay",
                "start": "2026-11-23T01:00:00.000Z",
                "t": 1795395600000,
                "expected": 3600,
                "read": 3598,
                "bad": 2,
                "accepted": 3598,
                "duplicate": 0,
                "stored": 3590,
                "quarantined": 0,
                "invalid": 0,
                "good": 3590,
                "late": 0,
                "given_up": 0,
                "lost": 0,
                "pending": 8,
                "estimated": 0,
                "hours": 1,
                "completeness": 0.9972,
            }
        ],
        "next": None,
    },
    "retire": {
        **_REPLAY,
        "kind": "retire",
        "result": {"gateway": "gw-bai-chay", "at_ms": 1795395600000},
    },
    "quarantine": {
        "items": [
            {
                "id": 12,
                "reason": "undecodable",
                "detail": "not a SenML JSON pack: JSON is malformed",
                "topic": "halong/v1/up/1f/gw-bai-chay/0a1b2c3d4e5f6071/7",
                "gateway": "gw-bai-chay",
                "sensor": "",
                "payload": "bm90IHNlbm1s",
                "bytes": 9,
                "count": 1,
                "first_seen": "2026-11-23T01:00:00.000Z",
                "last_seen": "2026-11-23T01:00:00.000Z",
                "state": "open",
                "replay": None,
            }
        ],
        "next": None,
        "total": 1,
    },
    "replay": _REPLAY,
    "command": _REPLAY,
}
