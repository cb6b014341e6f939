"""Hi-Link HLK-LD2451: 24 GHz vehicle radar, 115200 8N1, about ten frames a second. There is no checksum.

    F4 F3 F2 F1 LL LL nn aa | AA DD RR SS NN | .. F8 F7 F6 F5
    |           |     |  |    |  |  |  |  |       |
    |           |     |  |    |  |  |  |  |       tail
    |           |     |  |    |  |  |  |  signal to noise, 0 to 255
    |           |     |  |    |  |  |  speed in km/h
    |           |     |  |    |  |  1 approaching, 0 going away
    |           |     |  |    |  distance in m
    |           |     |  |    angle in degrees + 80 hex
    |           |     |  alarm: 1 something approaches
    |           |     number of targets, each of the five bytes above
    |           length of what stands before the tail, low byte first: 2 + 5 n; 0 = no target
    head

Published is the speed of the clearest target. Configuration goes as FD FC FB FA LL LL cc cc .. 04 03 02 01 and is answered
with 01 added to cc; the radar keeps what is set there, so nothing of it is ever sent. (The maker's serial protocol note;
frames of public captures.)

>>> hlk_ld2451({}).decode(bytes.fromhex("f4f3f2f107000100790e0004fff8f7f6f5")).fields["targets"][0]["angle_deg"]
-7
"""

from collections.abc import Mapping
from typing import Any

from edge.driver import BadFrameError, Decoded, Driver, Framer, Measurement, Verdict
from edge.drivers.options import only
from edge.framing import ScanFramer, Size

HEAD, TAIL = bytes.fromhex("f4f3f2f1"), bytes.fromhex("f8f7f6f5")
SETUP_HEAD, SETUP_TAIL = bytes.fromhex("fdfcfbfa"), bytes.fromhex("04030201")
TARGET_SIZE, MAX_TARGETS = 5, 50
DIRECTIONS = ("away", "approaching")
_FILTERS = ("away", "approaching", "both")
_NAMES = {
    0xFF: "open-configuration", 0xFE: "close-configuration", 0x02: "set-detection", 0x12: "read-detection",
    0x03: "set-sensitivity", 0x13: "read-sensitivity", 0xA0: "read-firmware", 0xA2: "factory-reset", 0xA3: "restart",
}  # fmt: skip


class Ld2451:
    """See edge.driver.Driver."""

    protocol = "hlk-ld2451"
    baud = 115200
    quantities: tuple[str, ...] = ("vehicle_speed",)
    requests: tuple[bytes, ...] = ()

    def framer(self, request: bytes | None = None) -> Framer:
        """Reports."""
        return ScanFramer(_measure, 10 + 2 + TARGET_SIZE * MAX_TARGETS)

    def decode(self, frame: bytes, request: bytes | None = None) -> Decoded:
        """A report, or a configuration frame in either direction."""
        if frame.startswith(SETUP_HEAD):
            return Decoded(Verdict.ACCEPT, _setup(frame))
        if not frame or _measure(frame) != len(frame):
            raise BadFrameError("head, length, number of targets or tail do not fit")
        payload = frame[6:-4]
        targets = [_target(payload[at : at + TARGET_SIZE]) for at in range(2, len(payload), TARGET_SIZE)]
        fields = {"alarm": payload[1] if payload else 0, "targets": targets}
        if not targets:
            return Decoded(Verdict.ACCEPT, fields)
        clearest = max(targets, key=lambda target: (target["snr"], -target["distance_m"]))
        return Decoded(Verdict.ACCEPT, fields, (Measurement("vehicle_speed", float(clearest["speed_kmh"])),))


def _measure(data: bytes) -> int:
    if not HEAD.startswith(data[:4]):
        return Size.JUNK
    if len(data) < 6:
        return Size.MORE
    length = data[4] | data[5] << 8
    if length and ((length - 2) % TARGET_SIZE or not 2 <= length <= 2 + TARGET_SIZE * MAX_TARGETS):
        return Size.BAD
    if length and len(data) > 6 and data[6] != (length - 2) // TARGET_SIZE:
        return Size.BAD
    if len(data) < length + 10:
        return Size.MORE
    return length + 10 if data[length + 6 : length + 10] == TAIL else Size.BAD


def _target(part: bytes) -> dict[str, Any]:
    angle, distance, direction, speed, snr = part
    if direction > 1:
        raise BadFrameError(f"direction {direction}; 0 is away, 1 approaching")
    return {
        "angle_deg": angle - 0x80,
        "distance_m": distance,
        "direction": DIRECTIONS[direction],
        "speed_kmh": speed,
        "snr": snr,
    }


def _setup(frame: bytes) -> dict[str, Any]:
    if len(frame) < 12 or frame[-4:] != SETUP_TAIL or int.from_bytes(frame[4:6], "little") != len(frame) - 10:
        raise BadFrameError("a configuration frame with a wrong length or tail")
    command, direction, data = frame[6], frame[7], frame[8:-4]
    if command not in _NAMES or direction > 1:
        raise BadFrameError(f"unknown configuration command {frame[6:8].hex()}")
    if direction:
        if len(data) < 2:
            raise BadFrameError("an answer without its status")
        return {"reply": _NAMES[command], "ok": data[:2] == b"\0\0"}
    fields: dict[str, Any] = {"command": _NAMES[command]}
    if command == 0x02:
        if len(data) != 4 or data[1] >= len(_FILTERS):
            raise BadFrameError("set-detection has distance, direction, speed and delay")
        fields |= {"max_distance_m": data[0], "direction": _FILTERS[data[1]]}
        fields |= {"min_speed_kmh": data[2], "delay_s": data[3]}
    return fields


def hlk_ld2451(options: Mapping[str, object]) -> Driver:
    """The driver; it has no options."""
    only("hlk-ld2451", options)
    return Ld2451()
