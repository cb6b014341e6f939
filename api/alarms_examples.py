"""Examples of what the routes over alarms answer."""

from typing import Any

_ALARM = {
    "id": "a5f482c0a0a9b2110",
    "group": "city/bai-chay",
    "family": "city",
    "kind": "unusual",
    "severity": "warning",
    "state": "acknowledged",
    "site": "bai-chay",
    "sensors": ["bai-chay-pm-1", "bai-chay-pm-2", "bai-chay-pm-3"],
    "quantity": "pm25",
    "start_ms": 1795395000000,
    "end_ms": None,
    "score": 3.1,
    "value": 112.0,
    "expected": 36.0,
    "low": 14.0,
    "high": 61.0,
    "text": "PM2.5 at Bãi Cháy is 3.1 times what is usual for a Monday 08:00; two neighbours agree.",
    "text_vi": "Bụi PM2.5 tại Bãi Cháy gấp 3,1 lần bình thường lúc 08:00 thứ Hai; 2 cảm biến bên cạnh cũng thấy như vậy.",
    "anomalies": ["0f6b1d77c1f4a9e2", "6a0e91d4f3b2c855", "b17c2d90ee5a4f31"],
    "opened_ms": 1795395060000,
    "start": "2026-11-23T00:50:00.000Z",
    "end": None,
    "acknowledged": {"time": "2026-11-23T01:00:00.000Z", "who": "night shift (0123456789ab)"},
}
_COMMENT = {
    "time": "2026-11-23T01:00:00.000Z",
    "who": "night shift (0123456789ab)",
    "acknowledges": True,
    "comment": "Sent a technician",
}
_MUTE = {
    "id": 4,
    "sensor": "bai-chay-pm-1",
    "quantity": "pm25",
    "kind": "unusual",
    "verdict": "known works",
    "reason": "they dig up the street",
    "who": "night shift (0123456789ab)",
    "noted": "2026-11-23T01:00:00.000Z",
    "until": "2026-11-24T01:00:00.000Z",
    "ended": None,
    "ended_by": None,
}
_WORK = {
    "id": 2,
    "site": "bai-chay",
    "sensor": None,
    "start": "2026-11-23T02:00:00.000Z",
    "end": "2026-11-23T05:00:00.000Z",
    "reason": "new filters",
    "who": "night shift (0123456789ab)",
    "noted": "2026-11-23T01:00:00.000Z",
    "ended": None,
    "ended_by": None,
}
EXAMPLES: dict[str, Any] = {
    "alarms": {"items": [_ALARM], "next": None},
    "alarm": {**_ALARM, "comments": [_COMMENT]},
    "mute": _MUTE,
    "mutes": {"items": [_MUTE], "next": None},
    "work": _WORK,
    "works": {"items": [_WORK], "next": None},
}
