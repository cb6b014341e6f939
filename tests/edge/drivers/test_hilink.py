"""The traffic radar publishes its clearest target and refuses what does not add up."""

import pytest

from edge.driver import BadFrameError, Measurement
from edge.drivers import hlk_ld2451

HEAD, TAIL = bytes.fromhex("f4f3f2f1"), bytes.fromhex("f8f7f6f5")


def report(*targets: tuple[int, int, int, int, int], count: int | None = None) -> bytes:
    content = bytes((len(targets) if count is None else count, 1)) + b"".join(map(bytes, targets))
    return HEAD + len(content).to_bytes(2, "little") + content + TAIL


def test_the_clearest_target_is_published_and_all_are_reported() -> None:
    frame = report((0x80, 60, 1, 45, 90), (0x76, 20, 0, 30, 200), (0x85, 10, 0, 31, 200))
    decoded = hlk_ld2451({}).decode(frame)
    assert decoded.measurements == (Measurement("vehicle_speed", 31.0),)
    assert decoded.fields is not None
    assert [(one["angle_deg"], one["direction"]) for one in decoded.fields["targets"]] == [
        (0, "approaching"),
        (-10, "away"),
        (5, "away"),
    ]


def test_nobody_in_sight_is_no_reading() -> None:
    for frame in (HEAD + b"\0\0" + TAIL, report()):
        assert hlk_ld2451({}).decode(frame).measurements == ()


@pytest.mark.parametrize(
    "frame", [report((0x80, 9, 2, 4, 9)), report((0x80, 9, 1, 4, 9), count=2), report()[:-1], b""]
)
def test_what_does_not_add_up_is_refused(frame: bytes) -> None:
    with pytest.raises(BadFrameError):
        hlk_ld2451({}).decode(frame)


def test_head_and_tail_may_occur_inside() -> None:
    frame = report((0xF4, 0xF3, 1, 0xF1, 0xF8), (0xF8, 0xF7, 0, 0xF5, 0xF4))
    assert [one.data for one in hlk_ld2451({}).framer().feed(HEAD[:3] + frame + frame)] == [frame, frame]
