"""Flags are bits in stored data: what they mean must never change."""

from telemetry.reading import NOT_MEASURING, Flag, InstrumentState, Reading


def test_the_bits_of_stored_flags_never_move() -> None:
    assert {flag.name: flag.value for flag in Flag} == {
        "NUDGED": 1,
        "DEVICE": 2,
        "RANGE": 4,
        "SPIKE": 8,
        "STUCK": 16,
        "CALIBRATING": 32,
        "FAULT": 64,
        "GUESSED_TIME": 128,
        "UNUSUAL": 256,
        "UNWELL": 512,
        "INVALID": 1024,
        "CORRECTED": 2048,
    }


def test_identity_is_sensor_quantity_and_instant() -> None:
    reading = Reading("pm-1", "pm25", 5, 12.0, Flag.DEVICE)
    assert reading.key == ("pm-1", "pm25", 5)
    assert reading.series == ("pm-1", "pm25")
    assert reading.key == Reading("pm-1", "pm25", 5, 99.0).key


def test_the_state_of_the_instrument_is_in_the_flags() -> None:
    states = {flags: InstrumentState.of(flags) for flags in (0, 31, 32, 33, 64, 96)}
    assert states == {
        0: "measuring",
        31: "measuring",
        32: "calibrating",
        33: "calibrating",
        64: "fault",
        96: "fault",
    }
    assert NOT_MEASURING == 96
