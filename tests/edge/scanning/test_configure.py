"""What was found becomes a configuration that `halong check` takes, whatever was found."""

import tomllib

import pytest

from edge.config import EdgeConfig, check
from edge.scanning.configure import Header, Port, named, parse_names, written
from edge.scanning.found import Found
from runtime.config import parse
from telemetry.inventory import Site

HEADER = Header("gw-1", Site("bai-chay", "Bãi Cháy", 20.9, 107.0), "mqtt://broker")
BOARD = Found("line-delimited", 9600, "8N1", 1.0, {"delimiter": ","}, values=(0, 1, 2), sample='21,"x"\t\x07')


def read(*ports: Port) -> EdgeConfig:
    config = parse(written(HEADER, ports), EdgeConfig, "edge.toml")
    check(config)
    return config


def test_devices_and_a_bus_with_their_settings() -> None:
    units = [
        Found("modbus-rtu", 4800, "8N1", 2.0, unit=unit, map="air-station" if unit < 3 else "")
        for unit in (1, 2, 7)
    ]
    pm = Found("pms5003", 9600, "8N1", 1.0)
    config = read(Port("/dev/a", [pm]), Port("/dev/b", [pm]), Port("/dev/c", units))
    assert [(one.path, one.sensor, one.baud) for one in config.serial] == [
        ("/dev/a", "bai-chay-pm-1", 9600),
        ("/dev/b", "bai-chay-pm-2", 9600),
    ]
    (bus,) = config.modbus
    assert (bus.path, bus.baud, [(one.unit, one.sensor) for one in bus.units]) == (
        "/dev/c",
        4800,
        [(1, "bai-chay-air-1"), (2, "bai-chay-air-2")],
    )


def test_values_without_names_stand_there_as_a_comment_until_they_are_named() -> None:
    assert read(Port("/dev/a", [BOARD])).serial == ()
    assert "name them with --values" in written(HEADER, [Port("/dev/a", [BOARD])])
    names = parse_names(["/dev/a=temperature:degF,-,pressure"])
    (device,) = read(Port("/dev/a", [named(BOARD, "/dev/a", names)])).serial
    assert device.options["fields"] == {
        "temperature": {"path": 0, "unit": "degF"},
        "pressure": {"path": 2},
    }
    assert named(BOARD, "/dev/b", names) == BOARD
    assert named(BOARD, "/dev/b", parse_names(["humidity"])).options["fields"] == {"humidity": {"path": 0}}


def test_only_unknown_units_leave_an_empty_bus_out() -> None:
    assert read(Port("/dev/c", [Found("modbus-rtu", 9600, "8N1", 2.0, unit=7)])).modbus == ()


def test_odd_paths_and_words_are_quoted() -> None:
    odd = '/dev/a "b" \\ c'
    config = tomllib.loads(written(HEADER, [Port(odd, [Found("mhz19", 0, "", 5.0, sample="a\nb")])]))
    assert config["serial"][0]["path"] == odd


@pytest.mark.parametrize("text", ["warmth", "temperature:ppm", "p=humidity,wetness"])
def test_a_name_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"unknown|cannot|unit"):
        parse_names([text])
