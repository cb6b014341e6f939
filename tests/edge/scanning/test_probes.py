"""What a scan says changes nothing: each question is taken apart as every device would take it."""

import re

import pytest

from edge import registers
from edge.driver import BadFrameError, Decoded, Measurement, Verdict
from edge.drivers import DRIVERS, modbus, nova, omnipresense, plantower, sdi, sensirion, winsen
from edge.scanning import probes
from edge.scanning.probes import Setting

UNITS = range(1, 248)
MODBUS = {
    request
    for unit in UNITS
    for name in registers.shipped()
    for request in DRIVERS["modbus-rtu"]({"unit": unit, "map": name}).requests
}
SDI12 = [
    probes.SDI12_END,
    probes.SDI12_WHO,
    *(f"{a}{word}".encode() for a in probes.SDI12_ADDRESSES for word in ("I!", "M!", "D0!")),
]
ASKED = [probe.ask for probe in (probes.RADAR, *probes.EVERY)] + [
    step.data for probe in probes.EVERY for step in probe.before if step.data
]
ALL = [*ASKED, *SDI12, *MODBUS]

HARMLESS_WINSEN = {
    "read-co2",
    "read-raw-light",
    "read-co2-unclamped",
    "read-abc",
    "read-range",
    "read-version",
}
HARMLESS_SDS011 = {"query-data", "query-firmware", "query-power", "query-report-mode", "query-working-period"}
HARMLESS_SPS30 = {"read", "device-info", "version", "status"}


def fields(decode: object, data: bytes) -> dict[str, object]:
    try:
        return dict(decode(data))  # type: ignore[operator]
    except (BadFrameError, UnicodeDecodeError, IndexError):
        return {}


@pytest.mark.parametrize("data", ASKED + SDI12, ids=lambda data: data.hex())
def test_every_question_only_reads(data: bytes) -> None:
    only_reads(data)


def test_every_modbus_question_only_reads_whoever_hears_it() -> None:
    assert len(MODBUS) > 1000
    for data in MODBUS:
        assert modbus.decode_request(data)["function"] in (3, 4)
        only_reads(data)


def only_reads(data: bytes) -> None:
    content = fields(lambda given: DRIVERS["mhz19"]({}).decode(given).fields, data)
    assert content.get("command", "read-co2") in HARMLESS_WINSEN
    content = fields(lambda given: DRIVERS["sds011"]({}).decode(given).fields, data)
    assert content.get("command", "query-data") in HARMLESS_SDS011
    content = fields(lambda given: DRIVERS["sps30"]({}).decode(given).fields, data)
    assert content.get("command", "read") in HARMLESS_SPS30
    content = fields(lambda given: DRIVERS["pms5003"]({}).decode(given).fields, data)
    assert content.get("command", "read-passive") == "read-passive"
    content = fields(modbus.decode_request, data)
    assert "write" not in content
    assert content.get("function", 3) in (3, 4)
    words = data.decode("ascii", "replace")
    assert not re.search(r"[0-9A-Za-z?]A[0-9A-Za-z]!", words), "it would change an SDI-12 address"


def test_a_radar_is_asked_before_anything_else_is_said_on_the_port() -> None:
    """It takes any two letters for a command, without a frame or a checksum."""
    assert probes.RADAR not in probes.EVERY
    assert probes.RADAR.ask == b"?V\r\n"
    assert omnipresense.decode_command("?V") == {"command": "query-version"}
    assert Setting(omnipresense.Ops243.baud) in probes.RADAR_SETTINGS


def test_the_table_uses_the_drivers_own_questions() -> None:
    assert {winsen.READ_CO2, nova.QUERY, plantower.READ} <= set(ASKED)
    assert sensirion.to_sensor(sensirion.INFO, b"\x03") in ASKED
    assert all(sdi.decode_command(word.decode()) for word in SDI12 if word != probes.SDI12_END)


class TestModbusMaps:
    """Which register map fits."""

    def test_values_inside_their_ranges_win(self) -> None:
        noise = probes.judged(
            "noise-meter", [Decoded(Verdict.ACCEPT, {}, (Measurement("noise_level", 51.8),))]
        )
        wind = probes.judged(
            "rs-fsjt-wind", [Decoded(Verdict.ACCEPT, {}, (Measurement("wind_speed", 518.0),))]
        )
        assert noise is not None
        assert wind is None
        found = probes.modbus_found(3, Setting(4800), [noise])
        assert (found.unit, found.map, found.baud) == (3, "noise-meter", 4800)

    def test_two_that_fit_alike_are_both_told(self) -> None:
        both = [
            probes.judged(name, [Decoded(Verdict.ACCEPT, {}, (Measurement(quantity, 30.0),))])
            for name, quantity in (("noise-meter", "noise_level"), ("rs-fsjt-wind", "wind_speed"))
        ]
        found = probes.modbus_found(3, Setting(4800), [one for one in both if one is not None])
        assert found.map == "noise-meter"
        assert "rs-fsjt-wind" in found.note

    def test_an_exception_or_nothing_but_zeros_is_no_fit(self) -> None:
        assert probes.judged("sdm120", [Decoded(Verdict.FLAG, {"exception": 2})]) is None
        assert probes.judged("sdm120", [Decoded(Verdict.ACCEPT, {}, (Measurement("power", 0.0),))]) is None

    def test_a_unit_that_fits_no_map_is_told(self) -> None:
        found = probes.modbus_found(9, Setting(9600), [])
        assert (found.unit, found.map) == (9, "")
        assert "no register map fits" in found.note
