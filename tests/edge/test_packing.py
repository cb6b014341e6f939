"""Readings into packs: within the limits, and every reading in exactly one."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from edge.packing import pack
from telemetry.packs import MAX_PAYLOAD, MAX_READINGS, decode_pack
from telemetry.reading import Reading
from tests.thorough import examples

NOW = 1_700_000_000_000


def many(count: int, sensor: str = "s") -> list[Reading]:
    return [Reading(f"{sensor}-{index % 7}", "pm25", NOW + index, index / 3) for index in range(count)]


def test_nothing_makes_no_pack() -> None:
    assert pack("bai-chay", []) == []


def test_a_pack_says_its_span_and_its_number() -> None:
    (new,) = pack("bai-chay", many(10))
    assert (new.site, new.oldest_ms, new.newest_ms, new.readings) == ("bai-chay", NOW, NOW + 9, 10)
    decoded = decode_pack(new.payload)
    assert decoded.site == "bai-chay"
    assert not decoded.bad


def test_readings_of_a_sensor_stand_together() -> None:
    (new,) = pack("bai-chay", many(100))
    assert new.payload.count(b'"bn"') == 7


def test_large_groups_are_cut_by_number_and_by_size() -> None:
    name = "a-sensor-with-a-name-as-long-as-names-may-be"
    readings = [Reading(f"{name}-{index}", "pm25", NOW + index, index / 3) for index in range(2500)]
    packs = pack("bai-chay", readings)
    assert sum(new.readings for new in packs) == 2500
    assert max(new.readings for new in packs) <= MAX_READINGS
    assert max(len(new.payload) for new in packs) <= MAX_PAYLOAD
    assert len(packs) > 3  # three would do for the number alone


@examples(50)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a", "b", "c"]),
            st.integers(NOW, NOW + 10**9),
            st.floats(allow_nan=False, allow_infinity=False),
            st.integers(0, 31),
        ),
        max_size=50,
    ),
    st.booleans(),
)
def test_decoding_the_packs_gives_the_readings_back(
    values: list[tuple[str, int, float, int]], cbor: bool
) -> None:
    readings = [Reading(sensor, "energy", at, value, flags) for sensor, at, value, flags in values]
    decoded = [
        reading for new in pack("s", readings, cbor=cbor) for reading in decode_pack(new.payload).readings
    ]
    assert Counter(decoded) == Counter(readings)
