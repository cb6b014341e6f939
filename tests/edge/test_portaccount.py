"""When frames came that were read together, or late."""

from edge.framing import LineFramer
from edge.portaccount import AHEAD_MS, Device, PortAccount
from tests.edge.running_port import NOW, Speaker

BYTE_S = 10 / 9600
LINE = len(b"12.5\n") * BYTE_S * 1000  # ms


class Port:
    """What a port makes of chunks: (value, ms after NOW)."""

    def __init__(self) -> None:
        self.device, self.framer = Device("pm-1", Speaker(), 0.0), LineFramer()
        self.account = PortAccount([self.device], BYTE_S, lambda sensor, frames: None)

    def hear(self, data: bytes, at_ms: int) -> list[tuple[float, int]]:
        return [
            (reading.value, reading.observed_at - NOW)
            for frame in self.account.feed(self.device, self.framer, data)
            for reading in self.account.understand(self.device, frame, NOW + at_ms)[1]
        ]


def test_frames_of_one_chunk_came_one_after_the_other() -> None:
    assert Port().hear(b"10.0\n11.0\n12.0\n", 0) == [
        (10.0, -round(2 * LINE)),
        (11.0, -round(LINE)),
        (12.0, 0),
    ]


def test_what_is_read_later_came_later_also_when_it_is_read_at_once() -> None:
    port = Port()
    assert port.hear(b"10.0\n", 0) == [(10.0, 0)]
    assert port.hear(b"11.0\n11.0\n11.0\n", 0) == [(11.0, 1), (11.0, 2), (11.0, 3)]
    assert port.hear(b"12.0\n13.0\n", 4) == [(12.0, 4), (13.0, 5)]
    assert port.hear(b"14.0\n", 50) == [(14.0, 50)]


def test_a_flood_is_not_dated_far_ahead() -> None:
    port = Port()
    times = [at for _ in range(500) for _, at in port.hear(b"1.0\n", 0)]
    assert times[:3] == [0, 1, 2]
    assert max(times) == AHEAD_MS + 1


def test_a_clock_that_was_set_back_dates_as_it_says() -> None:
    port = Port()
    port.hear(b"10.0\n", 0)
    assert port.hear(b"11.0\n", -60_000) == [(11.0, -60_000)]
    assert port.hear(b"12.0\n", -59_000) == [(12.0, -59_000)]
