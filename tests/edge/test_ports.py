"""The loop of a port, with small devices of its own on a real pty: stream, poll, loss and return, back-pressure."""

import asyncio
from typing import TYPE_CHECKING

import pytest
import structlog.testing

import edge.ports
from edge.driver import Decoded, Step, Verdict, extras
from edge.portaccount import Device
from telemetry.reading import Flag
from tests.edge.running_port import (
    NOW,
    Room,
    Running,
    Speaker,
    Thinker,
    line_by_line,
    polled,
    streaming,
)
from tests.waiting import until

if TYPE_CHECKING:
    from conftest import PtyPort

PATIENCE_S = 30.0


async def test_a_frame_is_dated_by_its_last_byte(pty_port: "PtyPort") -> None:
    pty_port.plug()
    async with streaming(pty_port) as running:
        await until(lambda: running.up)
        pty_port.send(b"1.0\n" + b"222222222222222222222.0\n")
        await until(lambda: len(running.journal.readings) == 2)
        behind_ms = 25  # 24 bytes at 9600 baud
        assert [reading.observed_at for reading in running.journal.readings] == [NOW - behind_ms, NOW]
        assert running.port.counters()[0].last_ms == NOW


async def test_verdicts_decide_and_everything_is_counted(pty_port: "PtyPort") -> None:
    pty_port.plug()
    async with streaming(pty_port) as running:
        await until(lambda: running.up)
        pty_port.send(b"1\n?2\n-3\n!4\nrubbish\n5\n")
        await until(lambda: 5.0 in running.journal.values())
        assert [(r.value, r.flags) for r in running.journal.readings] == [(1, 0), (2, Flag.DEVICE), (5, 0)]
        assert running.counters == (4, 2, 3)


async def test_a_device_that_is_not_there_yet_is_a_state_told_once(pty_port: "PtyPort") -> None:
    with structlog.testing.capture_logs() as logs:
        async with streaming(pty_port) as running:
            await asyncio.sleep(0.6)
            pty_port.plug()
            await until(lambda: running.up)
            pty_port.send(b"7\n")
            await until(lambda: running.journal.values() == [7])
    assert [entry["event"] for entry in logs] == ["port away, trying again", "port open"]
    assert not running.up


async def test_a_port_that_vanishes_and_returns_at_its_path_goes_on(pty_port: "PtyPort") -> None:
    pty_port.plug()
    async with streaming(pty_port) as running:
        for value in (1, 2, 3):
            await until(lambda: running.up)
            pty_port.send(b"%d\n" % value)
            await until(lambda value=value: value in running.journal.values())  # type: ignore[misc]
            pty_port.unplug()
            await until(lambda: not running.up)
            pty_port.plug()
        assert running.journal.values() == [1, 2, 3]


async def test_a_frame_cut_by_the_loss_is_not_glued_to_the_next_life(pty_port: "PtyPort") -> None:
    pty_port.plug()
    async with streaming(pty_port) as running:
        await until(lambda: running.up)
        pty_port.send(b"1\n12")
        await until(lambda: running.journal.values() == [1])
        pty_port.unplug()
        await until(lambda: not running.up)
        pty_port.plug()
        await until(lambda: running.up)
        pty_port.send(b"3\n")
        await until(lambda: running.journal.values() == [1, 3])


async def test_a_full_journal_makes_the_port_wait_and_loses_nothing(pty_port: "PtyPort") -> None:
    pty_port.plug()
    async with streaming(pty_port) as running:
        await until(lambda: running.up)
        running.journal.open.clear()
        for value in range(200):
            pty_port.send(b"%d\n" % value)
            await asyncio.sleep(0)
        running.journal.open.set()
        await until(lambda: len(running.journal.values()) == 200)
        assert running.journal.values() == list(range(200))


async def test_a_polled_device_is_asked_and_stale_input_is_not_its_answer(pty_port: "PtyPort") -> None:
    answers = iter(range(100))
    pty_port.answer = lambda request: b"1:%d\n" % next(answers)
    pty_port.plug()
    async with polled(pty_port, 0.03, 1) as running:
        await until(lambda: running.up)
        pty_port.send(b"1:999\n")
        await until(lambda: len(running.journal.values("s-1")) >= 4)
        values = running.journal.values("s-1")
    assert values[-3:] == [values[-3], values[-3] + 1, values[-3] + 2]
    assert set(pty_port.asked) == {b"1?\n"}


async def test_a_dead_unit_steps_back_and_its_neighbours_do_not(pty_port: "PtyPort") -> None:
    pty_port.answer = lambda request: b"" if request == b"2?\n" else request[:1] + b":1\n"
    pty_port.plug()
    with structlog.testing.capture_logs() as logs:
        async with polled(pty_port, 0.1, 1, 2, 3) as running:
            await until(lambda: all(len(running.journal.values(name)) >= 8 for name in ("s-1", "s-3")))
    assert pty_port.asked.count(b"2?\n") < len(running.journal.values("s-1")) / 2
    told = [entry["event"] for entry in logs if entry.get("sensor") == "s-2"]
    assert told == ["device does not answer"]


async def test_a_garbled_answer_costs_no_turn(pty_port: "PtyPort") -> None:
    answers = iter([b"1:1\n", b"no-newline", b"1:x\n", b"1:2\n"])
    pty_port.answer = lambda request: next(answers, b"1:3\n")
    pty_port.plug()
    async with polled(pty_port, 0.01, 1) as running:
        await until(lambda: 3 in running.journal.values("s-1"))
    assert running.journal.values("s-1")[:3] == [1, 2, 3]
    assert len(pty_port.asked) - len(running.journal.values("s-1")) in (2, 3)
    assert running.counters[1] == 1


async def test_a_polled_port_notices_the_loss_between_two_questions(pty_port: "PtyPort") -> None:
    pty_port.answer = lambda request: b"1:1\n"
    pty_port.plug()
    async with polled(pty_port, 3600.0, 1) as running:
        await until(lambda: running.journal.values("s-1") == [1])
        pty_port.unplug()
        await until(lambda: not running.up)
        pty_port.plug()
        await until(lambda: running.journal.values("s-1") == [1, 1])


@pytest.mark.parametrize("pieces", [1, 2, 5])
async def test_any_chunking_gives_the_same_readings(pty_port: "PtyPort", pieces: int) -> None:
    data = b"".join(b"%d\n" % value for value in range(50))
    pty_port.plug()
    async with streaming(pty_port) as running:
        await until(lambda: running.up)
        for start in range(0, len(data), pieces):
            pty_port.send(data[start : start + pieces])
            await asyncio.sleep(0)
        await until(lambda: len(running.journal.values()) == 50)
    assert running.journal.values() == list(range(50))


async def test_a_device_is_set_up_before_it_is_asked_and_again_after_silence(pty_port: "PtyPort") -> None:
    answers = iter([b"1:0\n", b"5\n", b"", b"1:0\n", b"6\n"])
    pty_port.answer = line_by_line(lambda line: b"" if line in (b"on\n", b"really\n") else next(answers, b""))
    pty_port.plug()
    async with Running(pty_port, [Device("s", Thinker(1), 0.1)]) as running:
        await until(lambda: running.journal.values() == [5, 6])
    asked = b"".join(pty_port.asked)
    assert asked.startswith(b"on\nreally\n1?\nvalue\n1?\non\nreally\n1?\nvalue\n")


async def test_a_follow_up_waits_unless_the_device_is_ready_early(pty_port: "PtyPort") -> None:
    def answer(request: bytes) -> bytes:
        if request == b"1?\n":
            asyncio.get_running_loop().call_later(0.03, pty_port.send, b"done\n")
            return b"1:3600\n"
        return b"7\n" if request == b"value\n" else b""

    pty_port.answer = line_by_line(answer)
    pty_port.plug()
    async with Running(pty_port, [Device("s", Thinker(1), 3600.0)]) as running:
        await until(lambda: running.journal.values() == [7])


async def test_a_driver_that_follows_up_for_ever_does_not_hold_the_port(pty_port: "PtyPort") -> None:
    class Endless(Thinker):
        def follow(self, request: bytes, decoded: Decoded) -> tuple[Step, ...]:
            return (Step(b"value\n"),)

    replies = {b"1?\n": b"1:0\n", b"value\n": b"8\n"}
    pty_port.answer = line_by_line(lambda line: replies.get(line, b""))
    pty_port.plug()
    async with Running(pty_port, [Device("s", Endless(1), 0.01)]) as running:
        await until(lambda: len(running.journal.values()) > edge.ports.MAX_STEPS)
    assert b"".join(pty_port.asked).count(b"1?\n") >= 2


async def test_a_streaming_device_is_set_up_and_again_when_it_is_quiet(
    pty_port: "PtyPort", monkeypatch: pytest.MonkeyPatch
) -> None:
    class Sleeper(Speaker):
        setup = (Step(b"wake\n"),)

    monkeypatch.setattr(edge.ports, "QUIET_S", 0.05)
    wakes = iter([b"", b"1\n"])
    pty_port.answer = lambda request: next(wakes, b"")
    pty_port.plug()
    async with Running(pty_port, [Device("s", Sleeper(), 1.0)]) as running:
        await until(lambda: running.journal.values() == [1])
    assert pty_port.asked[:2] == [b"wake\n", b"wake\n"]


def test_a_driver_without_extras_has_their_defaults() -> None:
    found = extras(Speaker())
    assert (found.setup, found.line, found.follow(b"", Decoded(Verdict.IGNORE, None))) == ((), "8N1", ())


async def test_what_streams_in_is_taken_at_once_while_there_is_room_and_waits_in_order_while_there_is_none(
    pty_port: "PtyPort",
) -> None:
    pty_port.plug()
    room = Room()
    async with Running(pty_port, [Device("s", Speaker(), 1.0)], room) as running:
        await until(lambda: running.up)
        pty_port.send(b"1.0\n2.0\n")
        await until(lambda: len(running.journal.readings) == 2)
        assert room.at_once == 2
        room.room = False
        running.journal.open.clear()
        for value in range(3, 9):
            pty_port.send(b"%d.0\n" % value)
            await asyncio.sleep(0.01)
        assert running.journal.values() == [1.0, 2.0]
        running.journal.open.set()
        await until(lambda: len(running.journal.readings) == 8)
        room.room = True
        pty_port.send(b"9.0\n")
        await until(lambda: len(running.journal.readings) == 9)
        assert running.journal.values() == [float(value) for value in range(1, 10)]


class Buggy(Speaker):
    """A driver with a bug."""

    def decode(self, frame: bytes, request: bytes | None = None) -> Decoded:
        raise ZeroDivisionError(frame)


async def test_a_bug_ends_the_loop_of_the_port_and_is_not_swallowed_by_the_event_loop(
    pty_port: "PtyPort",
) -> None:
    pty_port.plug()
    running = Running(pty_port, [Device("s", Buggy(), 1.0)], Room())
    task = asyncio.create_task(running.port.run())
    await until(lambda: running.up)
    pty_port.send(b"1.0\n")
    with pytest.raises(ZeroDivisionError):
        await asyncio.wait_for(task, PATIENCE_S)
