"""A Winsen MH-Z19B: answers nine bytes when it is asked (manual V1.6; bytes 4 to 7 as drivers agree on)."""

import math

from firmware_sim.device import Emission, Measure

SIZE = 9


class MhZ19:
    """CO2 in ppm, limited to the range that was set."""

    due_s = math.inf

    def __init__(self, measure: Measure) -> None:
        self._measure = measure
        self._range = 5000
        self._input = bytearray()

    def emit(self, now_s: float) -> list[Emission]:
        """Nothing: it speaks when it is asked."""
        return []

    def receive(self, data: bytes, now_s: float) -> list[Emission]:
        """Requests begin FF 01; a wrong checksum is not answered."""
        self._input += data
        answers: list[Emission] = []
        while len(self._input) >= SIZE:
            request = bytes(self._input[:SIZE])
            if request[:2] == b"\xff\x01" and request[8] == _checksum(request[1:8]):
                del self._input[:SIZE]
                answers += self._answer(request, now_s)
            else:
                del self._input[:1]
        return answers

    def _answer(self, request: bytes, now_s: float) -> list[Emission]:
        match request[2]:
            case 0x86:
                ppm = max(0, min(self._range, round(self._measure("co2", now_s))))
                board = round(self._measure("device_temperature", now_s))
                content = bytes((0x86, ppm >> 8, ppm & 0xFF, board + 40, 0, 0, 0))
                return [
                    Emission(_sealed(content), (("co2", float(ppm)), ("device_temperature", float(board))))
                ]
            case 0x99:
                self._range = int.from_bytes(request[4:8], "big") or self._range
                return [Emission(_sealed(bytes((0x99, 1, 0, 0, 0, 0, 0))))]
            case 0x79:
                return [Emission(_sealed(bytes((0x79, 1, 0, 0, 0, 0, 0))))]
        return []


def _checksum(content: bytes) -> int:
    return -sum(content) & 0xFF


def _sealed(content: bytes) -> bytes:
    return b"\xff" + content + bytes((_checksum(content),))
