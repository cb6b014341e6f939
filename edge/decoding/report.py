"""What decoding some bytes gives. Pure."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from edge.driver import BadFrameError, Decoded, Driver, Verdict
from telemetry.quantities import QUANTITIES

Meta = Mapping[str, Any]
Readings = list[dict[str, Any]]


class DecodeReport(NamedTuple):
    """`decoded` is an object, a list of them for a stream or a pack, or None; `readings` are in canonical units."""

    verdict: Verdict
    decoded: Any
    readings: Readings
    reason: str = ""


Decoder = Callable[[bytes, Meta], DecodeReport]


def report(decoded: Decoded) -> DecodeReport:
    """Of one frame."""
    fields = dict(decoded.fields) if decoded.fields is not None else None
    return DecodeReport(decoded.verdict, fields, readings(decoded), decoded.reason)


def readings(decoded: Decoded) -> Readings:
    """Its measurements with their units."""
    return [
        reading(measurement.quantity, measurement.value, flags=measurement.flags)
        for measurement in decoded.measurements
    ]


def reading(quantity: str, value: float, **more: object) -> dict[str, Any]:
    """One value with its unit; `more` where it says something."""
    extra = {name: content for name, content in more.items() if content}
    return {"quantity": quantity, "value": value, "unit": QUANTITIES[quantity].unit, **extra}


def stream(driver: Driver, data: bytes, *, alone: bool = False) -> DecodeReport:
    """Every frame in these bytes, whatever lies around them; `alone`: one by itself is no list of one."""
    found: list[Decoded] = []
    why = "no frame in these bytes"
    for frame in driver.framer().feed(data):
        try:
            found.append(driver.decode(frame.data))
        except BadFrameError as error:
            why = str(error)
    if not found:
        raise BadFrameError(why)
    if alone and len(found) == 1:
        return report(found[0])
    order = [Verdict.IGNORE, Verdict.ACCEPT, Verdict.FLAG]
    return DecodeReport(
        max((one.verdict for one in found), key=order.index),
        [dict(one.fields) for one in found if one.fields is not None],
        [reading for one in found for reading in readings(one)],
    )


def one_or_stream(driver: Driver, data: bytes, meta: Meta) -> DecodeReport:
    """A frame or a command as it stands; else, or when told so, every frame in these bytes. Told that a device sent one,
    what lies around it is passed over."""
    if meta.get("direction") == "stream":
        return stream(driver, data)
    try:
        return report(driver.decode(data))
    except BadFrameError as error:
        try:
            return stream(driver, data, alone="direction" in meta)
        except BadFrameError:
            raise error from None


def hexadecimal(meta: Meta, name: str) -> bytes | None:
    """The bytes that `meta` gives under `name`; None when it gives none. Raises ValueError."""
    try:
        return bytes.fromhex(str(meta.get(name, ""))) or None
    except ValueError:
        raise ValueError(f"meta {name} is not hexadecimal") from None
