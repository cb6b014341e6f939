"""Particle sensors that are asked: passive and query modes, sleep between the rounds, starting again after a reboot."""

import pytest

from edge.driver import Step, Verdict, extras
from edge.drivers import pms5003, sds011, sensirion, sps30
from edge.drivers.nova import QUERY, SLEEP, WAKE
from edge.drivers.plantower import ACTIVE, PASSIVE, READ
from edge.drivers.plantower import SLEEP as PMS_SLEEP
from edge.drivers.plantower import WAKE as PMS_WAKE

PM = bytes.fromhex("424d001c00000008000800000008000800d20046002d001e00000000970002c5")
SDS = bytes.fromhex("aac0d4043a0aa1601dab")
AWAKE = bytes.fromhex("aac506010100a16009ab")


def test_passive_plantower_is_switched_over_and_asked() -> None:
    driver = pms5003({"mode": "passive"})
    assert driver.requests == (bytes.fromhex("424de200000171"),)
    assert extras(driver).setup[0].data == bytes.fromhex("424de100000170")
    answer = driver.framer(READ).feed(bytes.fromhex("424d0004e1000174") + PM)
    assert [frame.data for frame in answer] == [PM]
    assert len(driver.decode(PM, READ).measurements) == 3


def test_sleeping_plantower_is_woken_given_time_asked_and_laid_down() -> None:
    driver = pms5003({"mode": "sleep", "settle_s": 20})
    assert driver.requests == (PMS_WAKE,)
    early = driver.decode(PM, PMS_WAKE)
    assert early.verdict is Verdict.IGNORE
    more = extras(driver)
    assert more.follow(PMS_WAKE, early) == (Step(PASSIVE, 20), Step(READ, 0.1), Step(PMS_SLEEP))
    assert more.follow(READ, driver.decode(PM, READ)) == ()
    acknowledged = bytes.fromhex("424d0004e1000174")
    assert [frame.data for frame in driver.framer(PASSIVE).feed(PM + acknowledged)] == [acknowledged]


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


def test_sps30_is_started_and_started_again_when_it_has_become_idle() -> None:
    driver = sps30({})
    more = extras(driver)
    assert sensirion.BEGIN in [step.data for step in more.setup]
    idle = driver.decode(bytes.fromhex("7e00034300b97e"), sensirion.ASK)
    assert (idle.verdict, more.follow(sensirion.ASK, idle)) == (Verdict.FLAG, (Step(sensirion.BEGIN),))
    nothing_new = driver.decode(bytes.fromhex("7e00030000fc7e"), sensirion.ASK)
    assert more.follow(sensirion.ASK, nothing_new) == ()


def test_sps30_values_with_a_latched_error_are_doubtful() -> None:
    answer = bytearray.fromhex("7e0003801400050009000c000d001a00250029002a002a0343")
    answer.append(~sum(answer[1:]) & 0xFF)
    decoded = sps30({}).decode(bytes(answer) + b"\x7e")
    assert (decoded.verdict, len(decoded.measurements)) == (Verdict.FLAG, 4)


def test_sps30_frames_that_share_a_flag_are_both_found_and_a_stray_byte_is_skipped() -> None:
    one, two = bytes.fromhex("7e00030000fc7e"), bytes.fromhex("7e0080000400093a80b87e")
    assert [frame.data for frame in sps30({}).framer().feed(b"\xfe" + one + two[1:])] == [one, two]
    assert [frame.data for frame in sps30({}).framer().feed(one + two)] == [one, two]


def test_unstuffing_goes_from_left_to_right() -> None:
    content = bytes((0x00, 0x03, 0x00, 0x02, 0x7D, 0x31))
    stuffed = b"\x7e" + content[:4] + b"\x7d\x5d\x31" + bytes((~sum(content) & 0xFF,)) + b"\x7e"
    assert sensirion.unstuff(stuffed) == content


@pytest.mark.parametrize("options", [{"mode": "fast"}, {"settle_s": -1}, {"settle_s": True}, {"mode": 1}])
def test_wrong_options_are_one_line(options: dict[str, object]) -> None:
    for make in (pms5003, sds011):
        with pytest.raises(ValueError, match=r"^[^\n]+$"):
            make(options)


def test_a_stream_that_an_earlier_configuration_has_stopped_is_started() -> None:
    assert [step.data for step in extras(pms5003({})).setup] == [ACTIVE, PMS_WAKE]
    assert [step.data for step in extras(sds011({})).setup] == [WAKE]
