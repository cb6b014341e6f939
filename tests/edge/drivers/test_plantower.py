"""Plantower sensors that are asked: passive mode, and sleep between the rounds."""

import pytest

from edge.driver import Step, Verdict, extras
from edge.drivers import pms5003
from edge.drivers.plantower import ACTIVE, PASSIVE, READ, SLEEP, WAKE

PM = bytes.fromhex("424d001c00000008000800000008000800d20046002d001e00000000970002c5")


def test_passive_plantower_is_switched_over_and_asked() -> None:
    driver = pms5003({"mode": "passive"})
    assert driver.requests == (bytes.fromhex("424de200000171"),)
    assert extras(driver).setup[0].data == bytes.fromhex("424de100000170")
    answer = driver.framer(READ).feed(bytes.fromhex("424d0004e1000174") + PM)
    assert [frame.data for frame in answer] == [PM]
    assert len(driver.decode(PM, READ).measurements) == 3


def test_sleeping_plantower_is_woken_given_time_asked_and_laid_down() -> None:
    driver = pms5003({"mode": "sleep", "settle_s": 20})
    assert driver.requests == (WAKE,)
    early = driver.decode(PM, WAKE)
    assert early.verdict is Verdict.IGNORE
    more = extras(driver)
    assert more.follow(WAKE, early) == (Step(PASSIVE, 20), Step(READ, 0.1), Step(SLEEP))
    assert more.follow(READ, driver.decode(PM, READ)) == ()
    acknowledged = bytes.fromhex("424d0004e1000174")
    assert [frame.data for frame in driver.framer(PASSIVE).feed(PM + acknowledged)] == [acknowledged]


def test_a_stream_that_an_earlier_configuration_has_stopped_is_started() -> None:
    assert [step.data for step in extras(pms5003({})).setup] == [ACTIVE, WAKE]


@pytest.mark.parametrize("options", [{"mode": "fast"}, {"settle_s": -1}, {"settle_s": True}, {"mode": 1}])
def test_wrong_options_are_one_line(options: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"^[^\n]+$"):
        pms5003(options)
