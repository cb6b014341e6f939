"""Open alarms stand on their topics, retained; the last one's end clears it; what the link did not take is said again."""

import msgspec

from ingest.alarms.board import Board
from telemetry.alarm import Alarm, AlarmState
from tests.ingest.alarms.test_grouping import TIMING, Grouping, T, found, over, step


class Wire:
    def __init__(self) -> None:
        self.up = True
        self.retained: dict[str, bytes] = {}
        self.passing: list[tuple[str, list[Alarm]]] = []

    def say(self, topic: str, payload: bytes, *, retain: bool = False) -> bool:
        if self.up and retain:
            self.retained[topic] = payload
        elif self.up:
            self.passing.append((topic, msgspec.json.decode(payload, type=list[Alarm])))
        return self.up

    def states(self, topic: str) -> list[AlarmState]:
        return [one.state for one in msgspec.json.decode(self.retained[topic], type=list[Alarm])]


def test_retained_while_open_cleared_when_closed() -> None:
    wire, grouping = Wire(), Grouping(TIMING)
    board = Board("h", wire.say)
    one = found("pm25-1")
    board.show(step(grouping, [one, found("pm25-2")], T))
    board.say()
    assert wire.states("h/alarm/pm25-1") == wire.states("h/alarm/pm25-2") == [AlarmState.OPEN]
    wire.retained.clear()
    board.say()
    assert wire.retained == {}
    board.forget_what_was_said()  # a broker that has started anew
    board.say()
    assert set(wire.retained) == {"h/alarm/pm25-1", "h/alarm/pm25-2"}
    step(grouping, [over(one, T + 10), over(found("pm25-2"), T + 10)], T + 10)
    board.show(step(grouping, [], T + 10 + TIMING.linger_ms))
    board.say()
    assert wire.retained == {"h/alarm/pm25-1": b"", "h/alarm/pm25-2": b""}
    assert [(topic, [one.state for one in alarms]) for topic, alarms in wire.passing] == [
        ("h/alarm/pm25-1", [AlarmState.CLOSED]),
        ("h/alarm/pm25-2", [AlarmState.CLOSED]),
    ]


def test_what_was_not_taken_is_said_when_the_link_is_up() -> None:
    wire = Wire()
    board = Board("h", wire.say)
    wire.up = False
    board.show(step(Grouping(TIMING), [found("pm25-1")], T))
    board.say()
    assert wire.retained == {}
    wire.up = True
    board.say()
    assert wire.states("h/alarm/pm25-1") == [AlarmState.OPEN]
