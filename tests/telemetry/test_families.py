"""Every quantity has a family."""

from telemetry.families import _FAMILY, Family, family
from telemetry.quantities import QUANTITIES


def test_families_name_what_the_catalogue_has() -> None:
    assert _FAMILY.keys() <= QUANTITIES.keys()
    assert {family(name) for name in QUANTITIES} == set(Family)
    assert family("vehicle_count") is Family.TRAFFIC
    assert family("battery") is Family.DEVICE
