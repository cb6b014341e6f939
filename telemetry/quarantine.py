"""What is set aside instead of stored, and why."""

from enum import StrEnum

import msgspec


class Reason(StrEnum):
    """Why something is in quarantine; each is something a person can act on."""

    UNDECODABLE = "undecodable"  # the whole message; its bytes are kept
    CORRUPTED = "changed on the way"  # its checksum is wrong: not acknowledged, so the gateway sends it again
    BAD_RECORD = "bad record"  # one record of a good pack: wrong type, no value, a bad name
    UNKNOWN_QUANTITY = "unknown quantity"
    UNIT = "unit cannot be converted"
    IMPOSSIBLE_TIME = "impossible time"  # outside the accepted window around the hub's clock
    UNKNOWN_SENSOR = "unknown sensor"  # no birth lists it, and the hub is told to refuse such
    UNDATABLE = "undatable"  # its gateway never knew the time
    NOT_OWNER = "not owner"  # the sensor belongs to another gateway
    TOO_LARGE = "too large"  # bytes or records of a message
    STORE_REFUSED = "refused by the store"


class Quarantined(msgspec.Struct, frozen=True):
    """One thing set aside: a reading (payload is its SenML record in JSON) or an undecodable message (its bytes)."""

    reason: Reason
    detail: str
    topic: str
    gateway: str
    sensor: str
    payload: bytes
