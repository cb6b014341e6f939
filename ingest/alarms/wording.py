"""What a message says: its fields, in the reader's language, and templates filled with them. Pure."""

import json
from string import Template
from urllib.parse import quote, quote_plus

from storage import outbox
from storage.outbox import Notice
from telemetry.times import city_time

FIELDS = frozenset(
    [
        "id",
        "key",
        "state",
        "severity",
        "family",
        "kind",
        "site",
        "sensor",
        "sensors",
        "quantity",
        "title",
        "text",
        "value",
        "start",
        "end",
        "who",
        "secret",
    ]
)
_STATES_VI = {
    outbox.OPEN: "mới",
    outbox.ESCALATED: "chưa ai xác nhận",
    f"{outbox.RAISED}-warning": "nặng hơn",
    f"{outbox.RAISED}-critical": "nặng hơn",
    outbox.ACKNOWLEDGED: "đã xác nhận",
    outbox.CLOSED: "đã hết",
}
_STATES = {
    outbox.OPEN: "new",
    outbox.ESCALATED: "nobody has acknowledged",
    f"{outbox.RAISED}-warning": "graver now",
    f"{outbox.RAISED}-critical": "graver now",
}
_SEVERITIES_VI = {"info": "thông tin", "warning": "cảnh báo", "critical": "nghiêm trọng"}


def sentence(notice: Notice, language: str) -> str:
    """What happened, in one sentence; who has acknowledged it, where that is the news."""
    alarm = notice.alarm
    text = alarm.text_vi if language == "vi" else alarm.text
    if notice.state != outbox.ACKNOWLEDGED:
        return text
    by = (
        f"đã xác nhận: {alarm.acknowledged_by}"
        if language == "vi"
        else f"acknowledged by {alarm.acknowledged_by}"
    )
    return f"{text.rstrip('.')}; {by}."


def title(notice: Notice, language: str) -> str:
    """A subject: `[critical, new] bai-chay`."""
    alarm = notice.alarm
    place = alarm.site or alarm.sensors[0]
    if language == "vi":
        return f"[{_SEVERITIES_VI[alarm.severity]}, {_STATES_VI.get(notice.state, notice.state)}] {place}"
    return f"[{alarm.severity}, {_STATES.get(notice.state, notice.state)}] {place}"


def fields(notice: Notice, language: str, secret: str = "") -> dict[str, str]:
    """What a template may name. Times are RFC 3339 in the city's zone; what is not known is "" ."""
    alarm = notice.alarm
    return {
        "id": alarm.id,
        "key": notice.key,
        "state": notice.state,
        "severity": alarm.severity,
        "family": alarm.family,
        "kind": alarm.kind,
        "site": alarm.site,
        "sensor": alarm.sensors[0],
        "sensors": ", ".join(alarm.sensors),
        "quantity": alarm.quantity,
        "title": title(notice, language),
        "text": sentence(notice, language),
        "value": "" if alarm.value is None else f"{alarm.value:g}",
        "start": city_time(alarm.start_ms),
        "end": "" if alarm.end_ms is None else city_time(alarm.end_ms),
        "who": alarm.acknowledged_by,
        "secret": secret,
    }


def fill_url(template: str, values: dict[str, str]) -> str:
    """Each value percent-encoded, but for the secret, which often is a piece of a path."""
    quoted = {name: value if name == "secret" else quote(value, safe="") for name, value in values.items()}
    return Template(template).substitute(quoted)


def fill_header(template: str, values: dict[str, str]) -> str:
    """Without line ends; what Latin-1 cannot say is percent-encoded."""
    text = " ".join(Template(template).substitute(values).split())
    return text if text.isascii() else quote(text, safe=" :;,/[]()")


def fill_body(template: str, values: dict[str, str], content_type: str) -> str:
    """Each value as the content wants it: inside a JSON string, in a form, or as it is."""
    if "json" in content_type:
        values = {name: json.dumps(value, ensure_ascii=False)[1:-1] for name, value in values.items()}
    elif "form-urlencoded" in content_type:
        values = {name: quote_plus(value) for name, value in values.items()}
    return Template(template).substitute(values)
