"""The SPS30 is started, started again when it has become idle, and its frames are stuffed."""

from edge.driver import Step, Verdict, extras
from edge.drivers import sensirion, sps30


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
