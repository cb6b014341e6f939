"""A reading and its flags: the one value that travels from the street to the store."""

from enum import IntFlag, StrEnum

import msgspec


class Flag(IntFlag):
    """Bit field that goes with a reading, also into the store's `flags` field. Bits are never re-used."""

    NUDGED = 1  # moved to the next free millisecond, because its own was taken by another value
    DEVICE = 2  # the device itself reported the value as doubtful (warm-up, fault)
    RANGE = 4  # outside the physical range of its quantity
    SPIKE = 8  # far from what the last minutes make likely
    STUCK = 16  # one of a run of exact repeats longer than this series shows when healthy
    CALIBRATING = 32  # the instrument was being calibrated: somebody at the gateway has said so
    FAULT = 64  # the instrument was known to be out of order: somebody at the gateway has said so
    GUESSED_TIME = 128  # its gateway never knew the time; somebody has accepted it at the latest it can be
    UNUSUAL = (
        256  # unlike this series at this hour of this weekday, or than its last days: the anomaly says how
    )
    UNWELL = 512  # the sensor looks faulty: dead zero, another unit, noise; the anomaly says which
    INVALID = 1024  # never stored: an operator has declared the period invalid
    CORRECTED = 2048  # never stored: the value is not the raw one any more


class InstrumentState(StrEnum):
    """What an instrument is doing, told with every value (Circular 10/2021/TT-BTNMT)."""

    MEASURING = "measuring"
    CALIBRATING = "calibrating"
    FAULT = "fault"

    @classmethod
    def of(cls, flags: int) -> "InstrumentState":
        """The state in the flags of a reading; a fault that is being calibrated is a fault."""
        if flags & Flag.FAULT:
            return cls.FAULT
        return cls.CALIBRATING if flags & Flag.CALIBRATING else cls.MEASURING


NOT_MEASURING = int(Flag.CALIBRATING | Flag.FAULT)


class Reading(msgspec.Struct, frozen=True, gc=False):
    """One value of one quantity of one sensor at one instant.

    `sensor` is a sensor id, `quantity` a name in `telemetry.quantities.QUANTITIES`, `observed_at` the instant of
    observation in integer milliseconds since 1970 UTC, `value` is in the quantity's canonical unit and finite.
    Identity is (sensor, quantity, observed_at). Absence is an absent Reading, never NaN or a sentinel.
    """

    sensor: str
    quantity: str
    observed_at: int
    value: float
    flags: int = 0

    @property
    def series(self) -> tuple[str, str]:
        """The series it belongs to: (sensor, quantity)."""
        return self.sensor, self.quantity

    @property
    def key(self) -> tuple[str, str, int]:
        """Its identity in every store: (sensor, quantity, observed_at)."""
        return self.sensor, self.quantity, self.observed_at
