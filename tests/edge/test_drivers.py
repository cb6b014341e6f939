"""The contract of every driver: any chunking gives the same frames, no bytes break it, good frames after garbage are found."""

import doctest
import importlib
import pkgutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

import edge.drivers
from edge.contract import check_driver
from edge.driver import BadFrameError, Driver, Verdict
from edge.drivers import DRIVERS, modbus, winsen
from edge.registers import Order, Type, number, shipped
from telemetry.quantities import QUANTITIES

if TYPE_CHECKING:
    from conftest import Sample

SILENT = ("nmea0183",)  # tells place and time, publishes nothing
MODBUS_REQUEST = bytes.fromhex("010301f8000385c6")
MANY = st.binary(max_size=300)


def driver(protocol: str) -> Driver:
    return DRIVERS[protocol]({})


class TestContract:
    def test_it_has_its_name_baud_and_known_quantities(self, sample: "Sample") -> None:
        found = sample.driver()
        assert found.protocol == sample.protocol
        assert found.baud > 0
        assert bool(found.quantities) is (sample.protocol not in SILENT)
        assert set(found.quantities) <= QUANTITIES.keys()

    def test_it_refuses_an_option_it_does_not_have(self, sample: "Sample") -> None:
        with pytest.raises(ValueError, match="frobnicate"):
            DRIVERS[sample.protocol]({"frobnicate": 1})

    def test_there_are_captured_frames(self, sample: "Sample") -> None:
        assert sample.frames

    def test_it_keeps_the_contract_that_other_packages_are_held_to(self, sample: "Sample") -> None:
        check_driver(DRIVERS[sample.protocol], sample.frames, options=sample.options, request=sample.request)

    @given(data=st.data())
    def test_any_chunking_gives_the_same_frames(self, sample: "Sample", data: st.DataObject) -> None:
        parts = data.draw(
            st.lists(st.one_of(st.sampled_from(sample.frames), st.binary(max_size=20)), max_size=6)
        )
        stream = b"".join(parts)
        request = sample.request
        whole = sample.driver().framer(request)
        expected = [frame.data for frame in whole.feed(stream)]
        pieces, framer, rest = [], sample.driver().framer(request), stream
        while rest:
            size = data.draw(st.integers(1, len(rest)))
            pieces += [frame.data for frame in framer.feed(rest[:size])]
            rest = rest[size:]
        assert pieces == expected
        assert (framer.junk, framer.bad) == (whole.junk, whole.bad)

    @given(garbage=MANY)
    def test_a_good_frame_after_garbage_is_found(self, sample: "Sample", garbage: bytes) -> None:
        good = sample.frames[0]
        framer = sample.driver().framer(sample.request)
        end = b"\n" if sample.lines else b""
        before = [frame.data for frame in framer.feed(garbage + end)]
        found = [frame.data for frame in framer.feed(good * 12)]
        assert good.rstrip(b"\r\n") in found, (before, found)

    @given(data=MANY)
    def test_arbitrary_bytes_raise_nothing_but_bad_frame(self, sample: "Sample", data: bytes) -> None:
        found = sample.driver()
        request = sample.request
        for frame in found.framer(request).feed(data + b"\n"):
            try:
                found.decode(frame.data, request)
            except BadFrameError:
                continue
        for asked in (None, request):
            try:
                decoded = found.decode(data, asked)
            except BadFrameError:
                continue
            assert all(measurement.value == measurement.value for measurement in decoded.measurements)

    @given(chunks=st.lists(st.binary(min_size=100, max_size=2000), max_size=8))
    def test_memory_stays_bounded(self, sample: "Sample", chunks: list[bytes]) -> None:
        framer = sample.driver().framer(sample.request)
        for chunk in chunks:
            framer.feed(chunk)
            assert len(framer._buffer) <= 4096  # type: ignore[attr-defined]

    def test_the_bytes_after_a_frame_are_counted(self, sample: "Sample") -> None:
        good = sample.frames[0]
        frames = sample.driver().framer(sample.request).feed(good + b"zz")
        assert [frame.after for frame in frames] == [2]


@pytest.mark.parametrize("name", [module.name for module in pkgutil.iter_modules(edge.drivers.__path__)])
def test_the_packet_in_the_docstring_decodes_as_it_says(name: str) -> None:
    result = doctest.testmod(importlib.import_module(f"edge.drivers.{name}"))
    assert result.attempted > 0
    assert result.failed == 0


def test_mass_without_particles_is_not_published() -> None:
    frame = bytearray(bytes.fromhex("424d001c0005000d00160005000d001602fd00fc001d000f00060006970003c5"))
    frame[16:18] = b"\0\0"
    frame[30:32] = sum(frame[:30]).to_bytes(2, "big")
    decoded = driver("pms5003").decode(bytes(frame))
    assert (decoded.verdict, decoded.measurements) == (Verdict.IGNORE, ())


def test_an_abc_answer_before_the_reading_is_skipped() -> None:
    framer = driver("mhz19").framer(winsen.READ_CO2)
    frames = framer.feed(bytes.fromhex("ff7901000000000086" + "ff86027c42000000ba"))
    assert [frame.data.hex() for frame in frames] == ["ff86027c42000000ba"]


def test_a_checksum_of_zero_is_good() -> None:
    frame = bytes.fromhex("ff86007a00000000")
    frame += bytes([winsen.checksum(frame + b"\0")])
    assert frame[8] == 0
    assert driver("mhz19").decode(frame).measurements[0].value == 122


def test_an_echoed_request_is_dropped() -> None:
    request = MODBUS_REQUEST
    answer = bytes.fromhex("01030601c300f6020605e5")
    assert [f.data for f in driver("modbus-rtu").framer(request).feed(request + answer)] == [answer]


def test_a_request_is_what_the_manual_prints() -> None:
    assert modbus.read_request(1, 3, 500, 4).hex() == "010301f400040407"


@pytest.mark.parametrize("name", shipped())
def test_every_shipped_map_gives_a_driver(name: str) -> None:
    found = DRIVERS["modbus-rtu"]({"unit": 3, "map": name})
    assert found.requests
    assert all(request[0] == 3 for request in found.requests)


@pytest.mark.parametrize(
    ("order", "words"),
    [
        (Order.ABCD, (0x4366, 0x3334)),
        (Order.CDAB, (0x3334, 0x4366)),
        (Order.BADC, (0x6643, 0x3433)),
        (Order.DCBA, (0x3433, 0x6643)),
    ],
)
def test_word_and_byte_orders(order: Order, words: tuple[int, int]) -> None:
    value = number(words, Type.FLOAT32, order)
    assert value is not None
    assert abs(value - 230.2) < 0.001


def test_a_sentinel_is_an_absent_reading(tmp_path: Path) -> None:
    file = tmp_path / "probe.toml"
    file.write_text(
        'function = 3\n[[read]]\nstart = 0\ncount = 1\n[[value]]\nregister = 0\nname = "t"\ntype = "int16"\nscale = 0.1\n'
        'sentinel = [-32768]\nquantity = "temperature"\nunit = "Cel"\n',
        encoding="utf-8",
    )
    probe = DRIVERS["modbus-rtu"]({"unit": 1, "map": str(file)})
    body = bytes.fromhex("0103028000")
    answer = body + modbus.crc(body).to_bytes(2, "little")
    assert probe.decode(answer, probe.requests[0]).measurements == ()


@pytest.mark.parametrize(
    "options",
    [{"unit": 0}, {"unit": "a"}, {"map": "no-such"}, {"map": 5}, {"fields": ["no2"]}, {"fields": 7}],
)
def test_wrong_modbus_options_are_one_line(options: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        DRIVERS["modbus-rtu"](options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("line", "speed"),
    [
        (b'{"speed":"10.0"}', 36.0),
        (b'{"speed":[5.0,3.0],"magnitude":[80,20]}', 18.0),
        (b'{"DetectedObjectVelocity":13,"unit":"mps","direction":"inbound"}', 46.8),
        (b"-10", 36.0),
        (b'"kmph",42.5', 42.5),
        (b'{"dir":"OUT","max_mph":30,"min_mph":28,"length_ft":15}', 48.2803),
    ],
)
def test_the_radars_ways_of_saying_a_speed(line: bytes, speed: float) -> None:
    values = {m.quantity: m.value for m in driver("ops243").decode(line).measurements}
    assert abs(values["vehicle_speed"] - speed) < 0.001


@pytest.mark.parametrize(
    "line", [b'{"speed":9999}', b'{"speed":[]}', b'{"speed":"x"}', b"1,2,3", b"[1]x\x01", b'{"dir":"IN"}']
)
def test_the_radars_nonsense_is_refused(line: bytes) -> None:
    with pytest.raises(BadFrameError):
        driver("ops243").decode(line)
