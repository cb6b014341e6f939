"""The SDS011 when it is asked, and when it sleeps between the rounds."""

import pytest

from edge.driver import Step, Verdict, extras
from edge.drivers import sds011
from edge.drivers.nova import QUERY, SLEEP, WAKE

SDS = bytes.fromhex("aac0d4043a0aa1601dab")
AWAKE = bytes.fromhex("aac506010100a16009ab")


def test_a_sensor_in_query_mode_is_asked_and_never_set_so() -> None:
    driver = sds011({"mode": "query"})
    assert driver.requests == (QUERY,) == (bytes.fromhex("aab404000000000000000000000000ffff02ab"),)
    assert [step.data for step in extras(driver).setup] == [WAKE]
    assert [frame.data for frame in driver.framer(QUERY).feed(AWAKE + SDS)] == [SDS]


def test_sleeping_sds011_is_woken_given_time_asked_and_laid_down() -> None:
    driver = sds011({"mode": "sleep"})
    assert driver.requests == (WAKE,)
    assert [frame.data for frame in driver.framer(WAKE).feed(SDS + AWAKE)] == [AWAKE]
    assert extras(driver).follow(WAKE, driver.decode(AWAKE, WAKE)) == (Step(QUERY, 30.0), Step(SLEEP))
    assert extras(driver).follow(QUERY, driver.decode(SDS, QUERY)) == ()


def test_above_the_range_is_doubtful() -> None:
    frame = bytearray.fromhex("aac01f4e1f4e000000ab")
    frame[8] = sum(frame[2:8]) & 0xFF
    assert sds011({}).decode(bytes(frame)).verdict is Verdict.FLAG


def test_a_sensor_that_was_left_asleep_is_woken() -> None:
    assert [step.data for step in extras(sds011({})).setup] == [WAKE]


@pytest.mark.parametrize("options", [{"mode": "fast"}, {"settle_s": -1}, {"settle_s": True}, {"mode": 1}])
def test_wrong_options_are_one_line(options: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"^[^\n]+$"):
        sds011(options)
