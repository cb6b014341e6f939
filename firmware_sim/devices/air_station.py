"""A Modbus RTU air, weather and noise station (RS-FSXCS / SEN0658 register map): registers 500 to 513, function 03 or 04.

Frames for other units and with a wrong CRC are not answered; other registers get exception 2, other functions exception 1.
"""

import math

from firmware_sim.device import Emission, Measure

FIRST, LAST = 500, 513
# quantity: (register, registers, raw per canonical unit)
_MAP = {
    "wind_speed": (500, 1, 10.0),
    "wind_direction": (503, 1, 1.0),
    "humidity": (504, 1, 10.0),
    "temperature": (505, 1, 10.0),
    "noise_level": (506, 1, 10.0),
    "pm25": (507, 1, 1.0),
    "pm10": (508, 1, 1.0),
    "pressure": (509, 1, 1.0),  # kPa in tenths = hPa
    "illuminance": (510, 2, 1.0),
    "rain": (513, 1, 10.0),
}
_BEAUFORT_MS = (0.3, 1.6, 3.4, 5.5, 8.0, 10.8, 13.9, 17.2, 20.8, 24.5, 28.5, 32.7)


class AirStation:
    """One unit on a bus."""

    due_s = math.inf

    def __init__(self, measure: Measure, *, unit: int = 1) -> None:
        self._measure, self._unit = measure, unit
        self._input = bytearray()
        self._input_s = 0.0

    def emit(self, now_s: float) -> list[Emission]:
        """Nothing: it speaks when it is asked."""
        return []

    def receive(self, data: bytes, now_s: float) -> list[Emission]:
        """Requests of eight bytes; a silent gap begins a new one."""
        if now_s - self._input_s > 0.05:
            self._input.clear()
        self._input_s = now_s
        self._input += data
        answers: list[Emission] = []
        while len(self._input) >= 8:
            request = bytes(self._input[:8])
            if crc16(request[:6]) != request[6:]:
                del self._input[:1]
                continue
            del self._input[:8]
            if request[0] == self._unit:
                answers.append(self._answer(request, now_s))
        return answers

    def _answer(self, request: bytes, now_s: float) -> Emission:
        function, start, count = (
            request[1],
            int.from_bytes(request[2:4], "big"),
            int.from_bytes(request[4:6], "big"),
        )
        if function not in (3, 4):
            return self._sealed(bytes((function | 0x80, 1)))
        if not 1 <= count <= 125 or start < FIRST or start + count - 1 > LAST:
            return self._sealed(bytes((function | 0x80, 2 if 1 <= count <= 125 else 3)))
        registers, truth = self._registers(now_s)
        words = b"".join(registers[address].to_bytes(2, "big") for address in range(start, start + count))
        readings = tuple(
            (quantity, value)
            for quantity, value in truth.items()
            if start <= _MAP[quantity][0] and _MAP[quantity][0] + _MAP[quantity][1] <= start + count
        )
        return Emission(self._sealed(bytes((function, 2 * count)) + words).data, readings)

    def _registers(self, now_s: float) -> tuple[dict[int, int], dict[str, float]]:
        registers = dict.fromkeys(range(FIRST, LAST + 1), 0)
        truth: dict[str, float] = {}
        for quantity, (address, words, scale) in _MAP.items():
            raw = round(self._measure(quantity, now_s) * scale)
            if quantity == "wind_direction":
                raw %= 360  # 0 to 359
            truth[quantity] = round(raw / scale, 6)
            if words == 2:
                registers[address], registers[address + 1] = raw >> 16 & 0xFFFF, raw & 0xFFFF
            else:
                registers[address] = raw & 0xFFFF
        registers[501] = sum(registers[500] / 10 >= limit for limit in _BEAUFORT_MS)
        registers[502] = round(registers[503] / 45) % 8
        registers[512] = round((registers[510] << 16 | registers[511]) / 100)
        return registers, truth

    def _sealed(self, content: bytes) -> Emission:
        body = bytes((self._unit,)) + content
        return Emission(body + crc16(body))


def crc16(data: bytes) -> bytes:
    """CRC-16/MODBUS as it goes over the wire, low byte first."""
    value = 0xFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = (value >> 1) ^ 0xA001 if value & 1 else value >> 1
    return bytes((value & 0xFF, value >> 8))
