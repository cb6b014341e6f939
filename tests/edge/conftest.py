"""For the tests of the agent: a serial port, which is a real pty behind a link; and good frames of every driver."""

import asyncio
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pytest

from edge.driver import Driver
from edge.drivers import DRIVERS, sensirion, winsen

VECTORS = json.loads((Path(__file__).parents[1] / "vectors.json").read_text(encoding="utf-8"))
OPTIONS: Mapping[str, Mapping[str, object]] = {
    "modbus-rtu": {"unit": 1, "map": "air-station"},
    "sdi12": {"fields": {"water_level": {"path": 0}}, "crc": True},
    "line-ndjson": {"fields": {"temperature": {"path": "t"}}},
    "line-delimited": {"fields": {"temperature": {"path": 0}}},
}
ANSWERS = {
    "mhz19": winsen.READ_CO2,
    "modbus-rtu": bytes.fromhex("010301f8000385c6"),
    "sps30": sensirion.ASK,
    "sdi12": b"0D0!",
    "davis-vantage": b"LOOP 1\n",
}
ALIASES = {"pms7003": "pms5003"}
BEGINNINGS = {
    "mhz19": "ff86",
    "sds011": "aac0",
    "sps30": "7e0003",
    "davis-vantage": "4c4f4f",
    "pms5003": "424d001c",
}
LINES = ("ops243", "wavetronix-csv", "nmea0183", "sdi12", "line-ndjson", "line-delimited")


class PtyPort:
    """The device's end of a pty linked at `link`. `answer` gives the bytes to return for the bytes that came."""

    def __init__(self, link: Path) -> None:
        self.link = link
        self.answer: Callable[[bytes], bytes] | None = None
        self.asked: list[bytes] = []
        self._ends: tuple[int, int] | None = None

    def plug(self) -> None:
        """The device appears."""
        self._ends = os.openpty()
        os.set_blocking(self._ends[0], False)
        if self.answer is not None:
            asyncio.get_running_loop().add_reader(self._ends[0], self._hear)
        self.link.symlink_to(os.ttyname(self._ends[1]))

    def unplug(self) -> None:
        """The link vanishes and the line breaks."""
        if self._ends is None:
            return
        self.link.unlink()
        with suppress(RuntimeError):  # no loop any more at the end of a test
            asyncio.get_running_loop().remove_reader(self._ends[0])
        for end in self._ends:
            os.close(end)
        self._ends = None

    def send(self, data: bytes) -> int:
        """Bytes from the device; how many the line took."""
        assert self._ends is not None
        return os.write(self._ends[0], data)

    def _hear(self) -> None:
        assert self._ends is not None
        assert self.answer is not None
        request = os.read(self._ends[0], 4096)
        self.asked.append(request)
        if answer := self.answer(request):
            self.send(answer)


@pytest.fixture
def pty_port(tmp_path: Path) -> Iterator[PtyPort]:
    """A port that is not plugged in yet."""
    port = PtyPort(tmp_path / "ttyTEST0")
    yield port
    port.unplug()


class Sample(NamedTuple):
    """A driver with good frames from its device, as they go over the wire; answers to `request` when it is given."""

    protocol: str
    request: bytes | None
    frames: list[bytes]
    lines: bool

    @property
    def options(self) -> Mapping[str, object]:
        return OPTIONS.get(self.protocol, {})

    def driver(self) -> Driver:
        return DRIVERS[self.protocol](self.options)


@pytest.fixture(scope="session", params=list(DRIVERS))
def sample(request: pytest.FixtureRequest) -> Sample:
    """Every driver in turn."""
    protocol = request.param
    return Sample(protocol, ANSWERS.get(protocol), good_frames(protocol), protocol in LINES)


def good_frames(protocol: str) -> list[bytes]:
    model = ALIASES.get(protocol, protocol)
    wanted = ANSWERS.get(protocol, b"").hex()
    return [
        _wire(vector)
        for vector in VECTORS
        if vector["protocol"] == model
        and vector["verdict"] in ("accept", "flag")
        and vector["direction"] in ("from-device", "exchange")
        and _wire(vector).hex().startswith(BEGINNINGS.get(model, ""))
        and vector["id"] not in ("sd-m4", "dl-m2", "dl-m3", "nd-m2")
        and "config" not in vector
        and (protocol != "modbus-rtu" or vector.get("request_hex") == wanted)
    ]


def _wire(vector: Mapping[str, str]) -> bytes:
    if "hex" in vector:
        return bytes.fromhex(vector["hex"])
    return (vector["text"].rstrip("\r\n") + "\r\n").encode()
