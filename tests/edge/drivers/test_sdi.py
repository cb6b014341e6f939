"""How SDI-12 values come in: measured, waited for, fetched piece by piece."""

import pytest

from edge.driver import BadFrameError, Driver, Measurement, Step, Verdict
from edge.drivers import sdi12
from edge.drivers.sdi import Sdi12, crc

FIELDS: dict[str, object] = {
    "fields": {"water_level": {"path": 0, "unit": "cm"}, "temperature": {"path": 2}, "battery": {"path": 3}}
}


def sensor(**options: object) -> Sdi12:
    found: Driver = sdi12(FIELDS | options)
    assert isinstance(found, Sdi12)
    return found


def test_values_are_fetched_when_they_are_ready() -> None:
    driver = sensor()
    decoded = driver.decode(b"00023", b"0M!")
    assert driver.follow(b"0M!", decoded) == (Step(b"0D0!", 2.0, b"0\r\n"),)
    decoded = driver.decode(b"0+271.8-1+21.5", b"0D0!")
    assert decoded.measurements == (Measurement("water_level", 2.718), Measurement("temperature", 21.5))
    assert driver.follow(b"0D0!", decoded) == ()


def test_values_that_do_not_fit_are_fetched_on_and_keep_their_place() -> None:
    driver = sensor()
    driver.follow(b"0M!", driver.decode(b"00004", b"0M!"))
    first = driver.decode(b"0+271.8-1", b"0D0!")
    assert driver.follow(b"0D0!", first) == (Step(b"0D1!"),)
    second = driver.decode(b"0+21.5+99", b"0D1!")
    assert second.measurements == (Measurement("temperature", 21.5), Measurement("battery", 99.0))
    assert driver.follow(b"0D1!", second) == ()
    assert driver.decode(b"0+100", b"0D0!").measurements == (Measurement("water_level", 1.0),)


@pytest.mark.parametrize("answer", [b"00000", b"0"])
def test_a_sensor_without_data_is_left_alone(answer: bytes) -> None:
    driver = sensor()
    request = b"0M!" if len(answer) > 1 else b"0D0!"
    assert driver.follow(request, driver.decode(answer, request)) == ()


def test_no_data_is_no_reading() -> None:
    assert sensor().decode(b"0", b"0D0!").verdict is Verdict.IGNORE


@pytest.mark.parametrize(
    ("options", "request_"),
    [
        ({}, b"0M!"),
        ({"address": "z", "command": "C2", "crc": True}, b"zCC2!"),
        ({"command": "R0"}, b"0R0!"),
        ({"command": "M9", "crc": True}, b"0MC9!"),
    ],
)
def test_the_request_that_the_options_ask_for(options: dict[str, object], request_: bytes) -> None:
    assert sensor(**options).requests == (request_,)


def test_concurrent_measurements_have_no_service_request() -> None:
    driver = sensor(command="C")
    assert driver.follow(b"0C!", driver.decode(b"000512", b"0C!")) == (Step(b"0D0!", 5.0),)


def test_an_echo_and_a_late_service_request_are_no_answer() -> None:
    framer = sensor().framer(b"0D0!")
    assert [frame.data for frame in framer.feed(b"0\r\n0D0!0+1.5\r\n")] == [b"0+1.5"]


def test_the_crc_is_that_of_the_specification() -> None:
    assert (crc("0+3.14"), crc("0+1.11+2.22+3.33+4.44+5.55+6.66")) == ("OqZ", "I]q")


@pytest.mark.parametrize(
    "answer", [b"0+3.14", b"0+3.14Oq!", b"1+3.14" + crc("1+3.14").encode(), b"0+3.1\xff"]
)
def test_what_is_not_its_checked_answer_is_refused(answer: bytes) -> None:
    with pytest.raises(BadFrameError):
        sensor(crc=True).decode(answer, b"0D0!")


@pytest.mark.parametrize(
    "options",
    [
        {"address": "10"},
        {"command": "X"},
        {"command": "R"},
        {"crc": 1},
        {"fields": {}},
        {"fields": {"temperature": {"path": "t"}}},
        {"fields": {"temperature": {"path": -1}}},
        {"fields": {"temperature": {"path": 0, "unit": "km/h"}}},
        {"fields": {"warmth": {"path": 0}}},
        {"fields": {"temperature": {"at": 0}}},
    ],
)
def test_wrong_options_are_one_line(options: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"^[^\n]+$"):
        sdi12(FIELDS | options)
