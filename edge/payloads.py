"""What MQTT sources publish, as dated measurements. Pure.

A JSON mapping names for each quantity where it stands (JMESPath) and in which SenML unit; a SenML pack names itself.
"""

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

import jmespath
import msgspec
from jmespath.exceptions import JMESPathError

from edge.driver import BadFrameError
from telemetry import senml
from telemetry.quantities import QUANTITIES, UnitMismatchError, to_canonical

MAX_PAYLOAD = 64 * 1024
_SECONDS_BELOW = (
    10_000_000_000  # as seconds this is the year 2286, as milliseconds April 1970: nobody means that
)


class Dated(NamedTuple):
    """One value in the canonical unit; `time_ms` None means the time of arrival."""

    quantity: str
    value: float
    time_ms: int | None
    flags: int = 0


class FieldSpec(NamedTuple):
    """Where a quantity stands, and the SenML unit it is given in (None: the canonical one)."""

    path: str
    unit: str | None = None


class JsonMapping:
    """A plain JSON object by a mapping; raises ValueError for a path that is none.

    `time_path` leads to seconds or milliseconds since 1970 (told apart by their size), or to RFC 3339 text with a zone.
    A field that is absent or null is an absent reading.
    """

    def __init__(self, fields: Mapping[str, FieldSpec], time_path: str | None = None) -> None:
        try:
            self._fields = [
                (q, jmespath.compile(spec.path), spec.unit or QUANTITIES[q].unit)
                for q, spec in fields.items()
            ]
            self._time = jmespath.compile(time_path) if time_path else None
        except JMESPathError as error:
            raise ValueError(f"not a JMESPath: {error}".splitlines()[0]) from None
        except KeyError as error:
            raise ValueError(f"unknown quantity {error}") from None

    def decode(self, payload: bytes) -> list[Dated]:
        """The measurements of one message; raises BadFrameError when it is no such message."""
        content = parse_object(payload)
        return self.find(content, time_ms(_search(self._time, content, "time")) if self._time else None)

    def find(self, content: Any, at_ms: int | None) -> list[Dated]:
        """The measurements in what has been parsed already, dated `at_ms`; raises BadFrameError."""
        found: list[Dated] = []
        for quantity, path, unit in self._fields:
            value = _search(path, content, quantity)
            if value is None:
                continue
            found.append(Dated(quantity, to_canonical(quantity, number(value, quantity), unit), at_ms))
        return found


class SenmlMapping:
    """A SenML pack. A record's quantity is the last part of its name after / : or ., or what `names` says for that part."""

    def __init__(self, cbor: bool = False, names: Mapping[str, str] | None = None) -> None:
        self._decode = senml.decode_cbor if cbor else senml.decode_json
        self._names = dict(names or {})

    def decode(self, payload: bytes, now_ms: int) -> list[Dated]:
        """The numbers of one pack whose quantity is known; raises BadFrameError when it is no pack."""
        if len(payload) > MAX_PAYLOAD:
            raise BadFrameError(f"payload of {len(payload)} bytes is above {MAX_PAYLOAD}")
        try:
            records = self._decode(payload)
        except senml.SenmlError as error:
            raise BadFrameError(str(error)) from error
        found: list[Dated] = []
        for record in records:
            part = record.name.replace(":", "/").replace(".", "/").rpartition("/")[2]
            quantity = self._names.get(record.name, self._names.get(part, part))
            if record.value is None or quantity not in QUANTITIES:
                continue
            try:
                value = to_canonical(quantity, record.value, record.unit or QUANTITIES[quantity].unit)
            except UnitMismatchError as error:
                raise BadFrameError(str(error)) from None
            found.append(Dated(quantity, value, _senml_time(record.time, now_ms)))
        return found


def _senml_time(time_s: float, now_ms: int) -> int | None:
    if time_s == 0:
        return None
    return round(time_s * 1000) + (now_ms if time_s < senml.RELATIVE_BELOW else 0)


def _search(path: Any, content: Any, what: str) -> Any:
    try:
        return path.search(content)
    except JMESPathError as error:  # a function that refuses this content
        raise BadFrameError(f"{what}: {error}".splitlines()[0]) from None


def parse_object(payload: bytes) -> dict[str, Any]:
    """The JSON object in `payload`; raises BadFrameError."""
    if len(payload) > MAX_PAYLOAD:
        raise BadFrameError(f"payload of {len(payload)} bytes is above {MAX_PAYLOAD}")
    try:
        return msgspec.json.decode(payload, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadFrameError(f"not a JSON object: {error}") from None


def number(value: Any, what: str) -> float:
    """A finite number, or the text of one; raises BadFrameError."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            raise BadFrameError(f"{what} is not a number: {value[:40]!r}") from None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadFrameError(f"{what} is not a number")
    try:
        found = float(value)
    except OverflowError:
        raise BadFrameError(f"{what} is too large") from None
    if not math.isfinite(found):
        raise BadFrameError(f"{what} is not finite")
    return found


def time_ms(value: Any) -> int:
    """Milliseconds since 1970 from RFC 3339 text with a zone, or from seconds or milliseconds; raises BadFrameError."""
    if isinstance(value, str):
        try:
            instant = datetime.fromisoformat(value)
        except ValueError:
            raise BadFrameError(f"time {value[:40]!r} is not RFC 3339") from None
        if instant.tzinfo is None:
            raise BadFrameError(f"time {value!r} has no zone")
        return round(instant.timestamp() * 1000)
    since = number(value, "time")
    return round(since * 1000) if abs(since) < _SECONDS_BELOW else round(since)
