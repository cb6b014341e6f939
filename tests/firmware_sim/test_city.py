"""The plan of the city: twelve gateways, sixty sensors, six protocols, every id its own."""

from collections import Counter

import pytest

from firmware_sim.city import MAX_GATEWAYS, demo_faults, plan
from firmware_sim.faults import FaultKind, check_sensors
from telemetry.inventory import check_id
from telemetry.quantities import QUANTITIES, to_canonical

CITY = plan(1)
DEVICES = [device for gateway in CITY.gateways for device in gateway.devices]


def test_twelve_gateways_and_sixty_sensors_of_all_six_protocols() -> None:
    assert len(CITY.gateways) == MAX_GATEWAYS == 12
    assert len(DEVICES) == 60
    protocols = Counter(device.protocol for device in DEVICES)
    assert protocols.keys() == {"pms5003", "mhz19", "ops243", "modbus-rtu", "mqtt-json", "mqtt-senml"}
    assert min(protocols.values()) >= 5
    assert [device.sensor for device in DEVICES if device.replay] == ["bai-chay-loop-1"]


def test_every_id_and_topic_is_valid_and_unique() -> None:
    ids = [gateway.id for gateway in CITY.gateways] + [device.sensor for device in DEVICES]
    assert len(set(ids)) == len(ids)
    assert [check_id(one) for one in ids] == ids
    assert [check_id(gateway.site.id) for gateway in CITY.gateways]
    topics = [device.topic for device in DEVICES if device.link == "mqtt"]
    assert len(set(topics)) == len(topics)
    assert all(topics)
    assert not any(device.topic for device in DEVICES if device.link == "serial")


def test_the_same_seed_gives_the_same_plan_and_fewer_gateways_its_beginning() -> None:
    assert plan(1) == CITY
    assert plan(7).gateways == CITY.gateways  # where things stand does not depend on the seed
    assert plan(1, 5).gateways == CITY.gateways[:5]


@pytest.mark.parametrize("gateways", [0, 13, -1])
def test_there_are_no_more(gateways: int) -> None:
    with pytest.raises(ValueError, match="1 to 12 gateways"):
        plan(1, gateways)


def test_quantities_are_known_and_fields_are_in_units_that_convert() -> None:
    for device in DEVICES:
        assert set(device.quantities) <= QUANTITIES.keys()
        assert device.period_s > 0 or device.protocol == "ops243"
        if device.protocol == "mqtt-json":
            assert device.fields.keys() == set(device.quantities)
            for quantity, (path, unit) in device.fields.items():
                assert path
                to_canonical(quantity, 1.0, unit)


def test_places_are_in_ha_long() -> None:
    for gateway in CITY.gateways:
        assert 20.8 < gateway.site.latitude < 21.1
        assert 106.9 < gateway.site.longitude < 107.3


@pytest.mark.parametrize("gateways", range(1, 13))
def test_demonstration_faults_are_of_four_kinds_on_sensors_that_are_there(gateways: int) -> None:
    there = [device.sensor for gateway in plan(3, gateways).gateways for device in gateway.devices]
    faults = demo_faults(3, gateways)
    assert {fault.kind for fault in faults} == {
        FaultKind.GARBAGE,
        FaultKind.SILENCE,
        FaultKind.STUCK,
        FaultKind.SPIKE,
    }
    check_sensors(faults, there)
    assert faults == demo_faults(3, gateways)
    if gateways > 2:
        assert len({fault.sensor for fault in faults}) == 4
