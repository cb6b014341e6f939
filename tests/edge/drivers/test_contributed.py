"""A driver that another package brings: found by its entry point, held to the contract, usable in a configuration."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from edge.contract import check_driver
from edge.driver import Frame
from edge.drivers import SHIPPED, contributed

MODULE = """
from edge.driver import BadFrameError, Decoded, Measurement, Verdict
from edge.framing import LineFramer


class Gauge:
    protocol, baud, quantities, requests = "acme-gauge", 2400, ("water_level",), ()

    def framer(self, request=None):
        return LineFramer()

    def decode(self, frame, request=None):
        if not frame.startswith(b"L") or not frame[1:].isdigit():
            raise BadFrameError("no level")
        millimetres = int(frame[1:])
        return Decoded(Verdict.ACCEPT, {"mm": millimetres}, (Measurement("water_level", millimetres / 1000),))


def gauge(options):
    for name in options:
        raise ValueError(f"acme-gauge has no option {name!r}")
    return Gauge()
"""
CONFIG = """gateway = "gw"
site = { id = "s", name = "S", latitude = 20.9, longitude = 107.0, kind = "river" }
[[serial]]
path = "/dev/ttyUSB0"
protocol = "PROTOCOL"
sensor = "s-1"
"""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """The directory of an installed package."""
    (tmp_path / "acme_gauge.py").write_text(MODULE, encoding="utf-8")
    info = tmp_path / "acme_gauge-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: acme-gauge\nVersion: 1.0\n", encoding="utf-8"
    )
    (info / "entry_points.txt").write_text(
        "[halong.drivers]\nacme-gauge = acme_gauge:gauge\nacme-lost = acme_gone:gauge\nmhz19 = acme_gauge:gauge\n",
        encoding="utf-8",
    )
    return tmp_path


def test_it_is_found_and_keeps_the_contract(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(package))
    found = contributed()
    assert set(found) >= {"acme-gauge", "acme-lost"}
    assert "mhz19" not in found
    check_driver(found["acme-gauge"], [b"L1234\r\n", b"L7\n"])
    with pytest.raises(ValueError, match=r"^driver 'acme-lost' of acme-gauge cannot be loaded: "):
        found["acme-lost"]({})


def test_without_other_packages_there_are_the_shipped_ones() -> None:
    assert not contributed().keys() & SHIPPED.keys()


@pytest.mark.parametrize(("protocol", "code"), [("acme-gauge", 0), ("acme-lost", 2)])
def test_a_configuration_can_name_it(package: Path, protocol: str, code: int) -> None:
    config = package / "edge.toml"
    config.write_text(CONFIG.replace("PROTOCOL", protocol), encoding="utf-8")
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-m", "halong", "check", str(config)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join((str(package), str(root)))},
        cwd=package,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr


def test_its_frames_are_decoded_on_the_command_line(package: Path) -> None:
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-m", "halong", "decode", "acme-gauge", "--text", "L1234\n"],
        env=os.environ | {"PYTHONPATH": os.pathsep.join((str(package), str(root)))},
        cwd=package,
        capture_output=True,
        text=True,
        check=True,
    )
    assert '"value": 1.234' in done.stdout


def bad(**changes: object) -> object:
    """The gauge with something wrong."""
    namespace: dict[str, object] = {}
    exec(compile(MODULE, "acme_gauge", "exec"), namespace)
    gauge = namespace["gauge"]
    assert callable(gauge)

    def make(options: object) -> object:
        driver = gauge(options)
        for name, value in changes.items():
            setattr(driver, name, value)
        return driver

    return make


def raises_key_error(frame: bytes, request: bytes | None = None) -> None:
    raise KeyError(frame)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"quantities": ("warmth",)}, "not in telemetry.quantities"),
        ({"baud": 0}, "baud"),
        ({"quantities": ("co2",)}, "not what it says"),
    ],
)
def test_the_contract_tells_what_is_wrong(changes: dict[str, object], sentence: str) -> None:
    with pytest.raises(AssertionError, match=sentence):
        check_driver(bad(**changes), [b"L1234\r\n"])  # type: ignore[arg-type]


class Chunks:
    """Takes every chunk for a frame."""

    junk = bad = 0

    def feed(self, chunk: bytes) -> list[Frame]:
        return [Frame(chunk.strip())]


def test_the_contract_notices_that_chunks_matter() -> None:
    with pytest.raises(AssertionError, match="chunks change the frames"):
        check_driver(bad(framer=lambda request: Chunks()), [b"L1234\r\n"])  # type: ignore[arg-type]


def test_the_contract_lets_nothing_but_bad_frame_through() -> None:
    with pytest.raises(KeyError):
        check_driver(bad(decode=raises_key_error), [b"L1234\r\n"])  # type: ignore[arg-type]
