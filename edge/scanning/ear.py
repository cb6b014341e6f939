"""Recognising a device that speaks by itself. Pure: chunks of bytes with their time go in, what it is comes out.

Every driver that needs no option and asks nothing listens at the same time. A checksum that fits twice is proof enough; lines of
text, which have none, must all fit.
"""

import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from edge import lines
from edge.driver import BadFrameError, Decoded, Driver, Framer, Verdict
from edge.drivers import DRIVERS
from edge.framing import LineFramer
from edge.scanning.found import Found, sample_of
from telemetry.quantities import QUANTITIES

ENOUGH = 2
EVENTS = ("ops243", "wavetronix-csv", "hlk-ld2451")  # they speak when something moves
STRICT = "wavetronix-csv"  # eight columns with a date and a time of day: one line is proof
TEXT = ("ops243", "wavetronix-csv", "nmea0183")
ORDER = ("nmea0183", "sds011", "pms5003t", "pms5003", "pms3003", "hlk-ld2451", "wavetronix-csv", "ops243")
MAX_TIMES = 64
_SEPARATORS = (",", ";", "\t", " ", "|")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
# what small boards call their values; everything else must be named by whoever knows
ALIASES = {
    "t": "temperature", "temp": "temperature", "temperature_c": "temperature", "rh": "humidity", "h": "humidity",
    "hum": "humidity", "p": "pressure", "press": "pressure", "pm2_5": "pm25", "pm2.5": "pm25", "pm1_0": "pm1", "pm1.0": "pm1",
    "pm10_0": "pm10", "lux": "illuminance", "noise": "noise_level", "db": "noise_level", "laeq": "noise_laeq",
    "wind": "wind_speed", "level": "water_level", "vbat": "voltage", "bat": "battery",
}  # fmt: skip


class Ear:
    """Listens on one port at one line setting."""

    def __init__(self, baud: int, line: str) -> None:
        self._baud, self._line = baud, line
        self._candidates = [_Candidate(driver) for driver in _listeners()]
        self._text = _Lines()
        self.heard = 0

    def feed(self, data: bytes, at_ms: int) -> None:
        """Bytes as they came."""
        self.heard += len(data)
        for candidate in self._candidates:
            candidate.feed(data, at_ms)
        self._text.feed(data, at_ms)

    @property
    def hopeful(self) -> bool:
        """Something fits, but not often enough yet, or has not measured yet."""
        return any(one.good and not one.proven for one in self._candidates) or self._text.hopeful

    def found(self) -> Found | None:
        """What it is, when that is clear."""
        proven = [one for one in self._candidates if one.proven]
        if not proven:
            return self._text.found(self._baud, self._line)
        best = min(proven, key=lambda one: _rank(one.driver.protocol))
        if {one.driver.protocol for one in proven} >= {"pms5003", "pms5003t"}:
            return _plantower(proven, self._baud, self._line)
        return best.found(self._baud, self._line)


class _Candidate:
    """One driver, and how well what was heard fits it."""

    def __init__(self, driver: Driver) -> None:
        self.driver = driver
        self._framer: Framer = driver.framer()
        self.good = self.measured = self.wrong = 0
        self.last: Decoded | None = None
        self.fields: list[Mapping[str, Any]] = []
        self.times: list[int] = []

    @property
    def proven(self) -> bool:
        text = self.driver.protocol in TEXT
        enough = 1 if self.driver.protocol == STRICT else ENOUGH
        wrong = self.wrong + (0 if text else self._framer.bad)
        return (
            self.good >= enough
            and self.good > 2 * wrong
            and bool(self.measured or not self.driver.quantities)
        )

    def feed(self, data: bytes, at_ms: int) -> None:
        for frame in self._framer.feed(data):
            try:
                decoded = self.driver.decode(frame.data)
            except BadFrameError:
                self.wrong += 1
                continue
            if decoded.verdict is Verdict.IGNORE and self.driver.protocol == "ops243":
                self.wrong += decoded.fields is not None  # a JSON line that is not the radar's
                continue
            self.good += 1
            self.measured += decoded.verdict is not Verdict.IGNORE
            if decoded.measurements or self.last is None:
                self.last = decoded
            if decoded.fields:
                self.fields = [*self.fields, decoded.fields][-MAX_TIMES:]
            self.times = [*self.times, at_ms][-MAX_TIMES:]

    def found(self, baud: int, line: str, note: str = "") -> Found:
        protocol = self.driver.protocol
        period_s = 0.0 if protocol in EVENTS else period(self.times)
        sample = sample_of(self.last) if self.last is not None else ""
        return Found(protocol, baud, line, period_s, sample=sample, note=note)


class _Lines:
    """Lines of generic boards: objects, pairs, APRS, or bare numbers."""

    def __init__(self) -> None:
        self._framer = LineFramer()
        self._lines: list[bytes] = []
        self._times: list[int] = []

    def feed(self, data: bytes, at_ms: int) -> None:
        for frame in self._framer.feed(data):
            self._lines = [*self._lines, frame.data][-MAX_TIMES:]
            self._times = [*self._times, at_ms][-MAX_TIMES:]

    @property
    def hopeful(self) -> bool:
        return (
            bool(self._lines) and all(line.isascii() for line in self._lines) and len(self._lines) <= ENOUGH
        )

    def found(self, baud: int, line: str) -> Found | None:
        last = self._lines[-ENOUGH:]  # a greeting, and a line whose beginning was missed, come first
        if len(last) < ENOUGH:
            return None
        every = period(self._times)
        for recognise in (_objects, _aprs, _pairs, _numbers):
            if (found := recognise(last)) is not None:
                protocol, options, values = found
                text = last[-1].decode("utf-8", "replace")[:80]
                return Found(protocol, baud, line, every, options, values=values, sample=text)
        return None


_Recognised = tuple[str, dict[str, Any], tuple[int | str, ...]] | None


def _objects(heard: list[bytes]) -> _Recognised:
    try:
        flat = [dict(_flat(lines.decode_object(line))) for line in heard]
    except BadFrameError:
        return None
    names = tuple(name for name in flat[-1] if all(name in one for one in flat))
    return ("line-ndjson", _fields({name: name for name in names}), names) if names else None


def _aprs(heard: list[bytes]) -> _Recognised:
    try:
        for line in heard:
            lines.decode_aprs(line)
    except BadFrameError:
        return None
    return "line-delimited", {"aprs": True}, ()


def _pairs(heard: list[bytes]) -> _Recognised:
    for sign in ("=", ":"):
        for separator in _SEPARATORS:
            try:
                found = [lines.decode_delimited(line, separator, sign) for line in heard]
            except BadFrameError:
                continue
            pairs = found[-1]
            if isinstance(pairs, dict) and all(_NUMBER.fullmatch(value) for value in pairs.values()):
                options = {"delimiter": separator, "kv": sign, **_fields({name: name for name in pairs})}
                return "line-delimited", options, tuple(pairs)
    return None


def _numbers(heard: list[bytes]) -> _Recognised:
    for separator in _SEPARATORS:
        try:
            rows = [lines.decode_delimited(line, separator, None) for line in heard]
        except BadFrameError:
            return None
        width = len(rows[-1])
        if width > 1 and all(len(row) == width and all(map(_NUMBER.fullmatch, row)) for row in rows):
            return "line-delimited", {"delimiter": separator}, tuple(range(width))
    return None


def _flat(content: Mapping[str, Any], above: str = "") -> list[tuple[str, float]]:
    """Numbers with their JMESPath; a name that needs quoting is quoted."""
    found = []
    for name, value in content.items():
        path = above + (name if re.fullmatch(r"[A-Za-z_]\w*", name) else f'"{name}"')
        if isinstance(value, dict):
            found += _flat(value, f"{path}.")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found.append((path, value))
    return found


def _fields(names: Mapping[str, str]) -> dict[str, Any]:
    """`fields` for the names that say what they are; nothing when none does."""
    found: dict[str, Any] = {}
    for path, name in names.items():
        word = name.rpartition(".")[2].strip('"').lower()
        quantity = word if word in QUANTITIES else ALIASES.get(word, "")
        if quantity and quantity not in found:
            found[quantity] = {"path": path}
    return {"fields": found} if found else {}


def _plantower(proven: list[_Candidate], baud: int, line: str) -> Found:
    """PMS5003 and PMS5003T have frames of one length. Six counts of ever larger particles only fall; the T has temperature and
    humidity in the last two places, and humidity in tenths of a percent is above it."""
    named = {one.driver.protocol: one for one in proven}
    counted = named["pms5003"].fields
    names = ("n03", "n05", "n10", "n25", "n50", "n100")
    falling = all(a >= b for fields in counted for a, b in pairwise(fields[name] for name in names))
    if falling:
        return named["pms5003"].found(baud, line, note="or a PMS7003: the same frame")
    return named["pms5003t"].found(baud, line)


def period(times_ms: list[int]) -> float:
    """Seconds from one frame to the next: the median, rounded to a tenth; 1 when there is only one."""
    steps = sorted(b - a for a, b in pairwise(times_ms) if b > a)
    return max(0.1, round(steps[len(steps) // 2] / 1000, 1)) if steps else 1.0


def _rank(protocol: str) -> int:
    return ORDER.index(protocol) if protocol in ORDER else len(ORDER)


def _listeners() -> list[Driver]:
    """Every driver that streams and needs no option, those of other packages too."""
    found = []
    for protocol, make in DRIVERS.items():
        if protocol == "pms7003":  # the frame of the PMS5003
            continue
        try:
            driver = make({})
        except ValueError:
            continue
        if not driver.requests:
            found.append(driver)
    return found
