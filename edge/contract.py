"""The contract of a driver as one function, for the drivers here and for those of other packages (docs/drivers.md). Pure.

def test_my_driver() -> None:
    check_driver(my_driver, [bytes.fromhex("aa01...")])
"""

from collections.abc import Callable, Mapping, Sequence
from random import Random

from edge.driver import BadFrameError, Driver, Frame, extras
from telemetry.quantities import QUANTITIES

ROUNDS = 200
MAX_KEPT = 8192  # bytes a framer may hold back, whatever comes


def check_driver(
    make: Callable[[Mapping[str, object]], Driver],
    frames: Sequence[bytes],
    *,
    options: Mapping[str, object] | None = None,
    request: bytes | None = None,
    seed: int = 1,
) -> None:
    """Raises AssertionError with a sentence when the driver breaks the contract.

    `frames`: good frames as they go over the wire, with their line ends, answers to `request` when the device is asked.
    """
    checked = _Checked(make(dict(options or {})), list(frames), request, Random(seed))
    checked.names()
    _refuses_unknown_options(make, dict(options or {}))
    checked.frames_are_found_and_decoded()
    for _ in range(ROUNDS):
        checked.chunks_change_nothing()
        checked.only_bad_frame_is_raised()
    checked.little_is_kept()


class _Checked:
    def __init__(self, driver: Driver, frames: list[bytes], request: bytes | None, rng: Random) -> None:
        assert frames, "give at least one good frame"
        self._driver, self._frames, self._request, self._rng = driver, frames, request, rng

    def names(self) -> None:
        driver = self._driver
        unknown = set(driver.quantities) - QUANTITIES.keys()
        assert not unknown, f"{sorted(unknown)} are not in telemetry.quantities"
        assert driver.protocol, "it has no protocol name"
        assert driver.baud > 0, f"baud {driver.baud} must be above 0"
        assert all(isinstance(request, bytes) for request in driver.requests), "a request is bytes"
        assert extras(driver).timeout_s > 0, "timeout_s must be above 0"

    def frames_are_found_and_decoded(self) -> None:
        for frame in self._frames:
            found = self._driver.framer(self._request).feed(frame)
            assert len(found) == 1, f"{len(found)} frames found in {frame.hex()}"
            assert found[0].after == 0, f"{found[0].after} bytes after the end of {frame.hex()}"
            decoded = self._driver.decode(found[0].data, self._request)
            published = {measurement.quantity for measurement in decoded.measurements}
            assert published <= set(self._driver.quantities), f"{published} is not what it says it reports"

    def chunks_change_nothing(self) -> None:
        stream = self._stream()
        whole = self._driver.framer(self._request)
        expected = [frame.data for frame in whole.feed(stream)]
        framer, found, rest = self._driver.framer(self._request), list[Frame](), stream
        while rest:
            size = self._rng.randint(1, min(len(rest), 40))
            found += framer.feed(rest[:size])
            rest = rest[size:]
        assert [frame.data for frame in found] == expected, f"chunks change the frames of {stream.hex()}"
        assert (framer.junk, framer.bad) == (whole.junk, whole.bad), (
            f"chunks change the counts of {stream.hex()}"
        )

    def only_bad_frame_is_raised(self) -> None:
        framer = self._driver.framer(self._request)
        for data in [frame.data for frame in framer.feed(self._stream())] + [self._stream()]:
            for request in (None, self._request):
                try:
                    self._driver.decode(data, request)
                except BadFrameError:
                    continue

    def little_is_kept(self) -> None:
        framer = self._driver.framer(self._request)
        framer.feed(self._rng.choice(self._frames)[:-1] + self._rng.randbytes(4 * MAX_KEPT))
        kept = sum(len(held) for held in vars(framer).values() if isinstance(held, bytes | bytearray))
        assert kept <= MAX_KEPT, f"a framer keeps {kept} bytes"

    def _stream(self) -> bytes:
        parts = []
        for _ in range(self._rng.randint(1, 5)):
            part = self._rng.choice(self._frames)
            match self._rng.randrange(3):
                case 0:
                    part = part[: self._rng.randint(0, len(part))]
                case 1:
                    part = self._rng.randbytes(self._rng.randint(1, 30))
            parts.append(part)
        return b"".join(parts)


def _refuses_unknown_options(
    make: Callable[[Mapping[str, object]], Driver], options: Mapping[str, object]
) -> None:
    complaint = "it takes an option that it does not have"
    try:
        make({**options, "no-such-option": 1})
    except ValueError as error:
        complaint = str(error)
    assert "no-such-option" in complaint, f"no complaint that names the unknown option: {complaint}"
