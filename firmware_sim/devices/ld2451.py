"""A Hi-Link HLK-LD2451 vehicle radar: ten reports a second, empty while nothing moves (the maker's serial protocol note)."""

from collections.abc import Callable, Sequence

from firmware_sim.device import Emission

REPORT_EVERY_S = 0.1
REPORTS = 6
HEAD, TAIL = bytes.fromhex("f4f3f2f1"), bytes.fromhex("f8f7f6f5")
SETUP_HEAD, SETUP_TAIL = bytes.fromhex("fdfcfbfa"), bytes.fromhex("04030201")
FASTEST_KMH, FARTHEST_M = 120, 100


class Ld2451:
    """`passes(second)` gives the vehicles of a second as (at_s, km/h, positive = approaching); `measure(at_s, km/h)`
    is what the radar makes of each speed, with the same sign.
    """

    def __init__(
        self,
        passes: Callable[[int], Sequence[tuple[float, float]]],
        *,
        start_s: float,
        measure: Callable[[float, float], float] = lambda at_s, kmh: kmh,
    ) -> None:
        self._passes, self._measure = passes, measure
        self._second = int(start_s)
        self._seen: list[tuple[float, float]] = []
        self._input = bytearray()
        self._configuring = False
        self.due_s = start_s

    def emit(self, now_s: float) -> list[Emission]:
        """The report that is due: every vehicle that is in sight now."""
        self.due_s = max(self.due_s + REPORT_EVERY_S, now_s)
        while self._second <= now_s:
            self._seen += self._passes(self._second)
            self._second += 1
        self._seen = [one for one in self._seen if now_s < one[0] + REPORTS * REPORT_EVERY_S]
        if self._configuring:
            return []
        inside = [(now_s - at_s, self._measure(now_s, kmh)) for at_s, kmh in self._seen if at_s <= now_s]
        return [_report(inside)]

    def receive(self, data: bytes, now_s: float) -> list[Emission]:
        """Configuration frames; settings are taken only while configuration is open."""
        self._input += data
        answers: list[Emission] = []
        while (start := self._input.find(SETUP_HEAD)) >= 0 and len(self._input) >= start + 6:
            length = int.from_bytes(self._input[start + 4 : start + 6], "little")
            end = start + 6 + length + len(SETUP_TAIL)
            if len(self._input) < end:
                break
            frame = bytes(self._input[start:end])
            del self._input[:end]
            if frame[-4:] == SETUP_TAIL and length >= 2:
                answers.append(self._obey(frame[6]))
        return answers

    def _obey(self, command: int) -> Emission:
        good = command == 0xFF or self._configuring
        if command in (0xFF, 0xFE):
            self._configuring = command == 0xFF
        content = bytes((command, 1)) + (b"\0\0" if good else b"\1\0")
        return Emission(SETUP_HEAD + len(content).to_bytes(2, "little") + content + SETUP_TAIL)


def _report(vehicles: Sequence[tuple[float, float]]) -> Emission:
    """Vehicles as (seconds in sight, km/h); an approaching one comes nearer, one that goes away came by close."""
    if not vehicles:
        return Emission(HEAD + b"\0\0" + TAIL)
    targets = []
    for index, (age_s, kmh) in enumerate(vehicles):
        speed = min(FASTEST_KMH, max(1, round(abs(kmh))))
        moved = age_s * speed / 3.6
        distance = round(60 - moved if kmh >= 0 else 10 + moved)
        targets.append(
            (0x80 + index, min(FARTHEST_M, max(1, distance)), int(kmh >= 0), speed, max(1, 200 - 20 * index))
        )
    content = bytes((len(targets), int(any(kmh >= 0 for _, kmh in vehicles)))) + b"".join(map(bytes, targets))
    clearest = max(targets, key=lambda target: target[4])
    return Emission(
        HEAD + len(content).to_bytes(2, "little") + content + TAIL, (("vehicle_speed", float(clearest[3])),)
    )
