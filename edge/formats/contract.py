"""What a payload format is: it turns one arrived message into dated measurements, and never does I/O."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from edge.driver import BadFrameError, Verdict
from edge.payloads import Dated, FieldSpec


class Arrival(NamedTuple):
    """A message as it came. `topic` "" when it is not known; `headers` are those of an HTTP request."""

    payload: bytes
    topic: str = ""
    at_ms: int = 0
    headers: Mapping[str, str] = {}


class Outgoing(NamedTuple):
    """A message the format wants to be sent."""

    topic: str
    payload: bytes


class Understood(NamedTuple):
    """A message understood: `decoded` in the publisher's own terms (JSON values), `dated` what is to be published.

    A format that refuses a message raises BadFrameError; `verdict` is never REJECT.
    """

    verdict: Verdict
    decoded: Any
    dated: tuple[Dated, ...] = ()
    reason: str = ""
    asks: tuple[Outgoing, ...] = ()


class Options(NamedTuple):
    """What a source's configuration tells its format.

    `fields`: where quantities stand and in which unit. `names`: the publisher's key = quantity, where the format's own
    meaning is not wanted. `device`: only this one of those that share the topic. `zone`: of local times without one.
    """

    fields: Mapping[str, FieldSpec] = {}
    names: Mapping[str, str] = {}
    device: str = ""
    device_in_topic: bool = False
    zone: str = ""


class Format(Protocol):
    """One publisher, or those that share a topic filter. May keep bounded state from message to message."""

    def understand(self, arrival: Arrival) -> Understood:
        """What the message says; raises BadFrameError and nothing else, whatever the bytes."""
        ...


def member(content: Mapping[str, Any], key: str) -> dict[str, Any]:
    """The object under `key`, {} when it is absent or null; raises BadFrameError when it is something else."""
    found = content.get(key)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise BadFrameError(f"{key} is not an object")
    return found


def text(content: Mapping[str, Any], key: str) -> str:
    """The text under `key`, "" when it is absent or null; raises BadFrameError when it is something else."""
    found = content.get(key)
    if found is None:
        return ""
    if not isinstance(found, str):
        raise BadFrameError(f"{key} is not text")
    return found


def whole(content: Mapping[str, Any], key: str, most: int) -> int:
    """The integer from 0 to `most` under `key`, 0 when it is absent or null; raises BadFrameError otherwise."""
    found = content.get(key)
    if found is None:
        return 0
    if isinstance(found, bool) or not isinstance(found, int) or not 0 <= found <= most:
        raise BadFrameError(f"{key} is not an integer from 0 to {most}")
    return found
