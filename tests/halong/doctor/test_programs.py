"""What the doctor says of the programs that are here."""

import pytest

from halong.doctor.finding import Level
from halong.doctor.judge import Programs, programs
from halong.doctor.look import programs as look_around


def test_what_this_suite_needs_is_found() -> None:
    here = look_around()
    assert here.mosquitto
    assert here.influxd
    assert {"amqtt", "iotcore"} >= set(here.embedded) > set()
    assert {one.level for one in programs(here)} == {Level.OK}


@pytest.mark.parametrize(
    ("here", "faults"),
    [
        (Programs((3, 11, 2), None, None, ["amqtt"]), []),
        (Programs((3, 11, 2), "/usr/sbin/mosquitto", None, []), []),
        (Programs((3, 11, 2), None, "/usr/bin/influxd", []), ["embedded broker"]),
        (Programs((3, 10, 9), "/usr/sbin/mosquitto", None, []), ["python"]),
    ],
)
def test_one_broker_and_a_new_python_are_enough(here: Programs, faults: list[str]) -> None:
    told = [one for one in programs(here) if one.level is not Level.OK]
    assert [one.where for one in told] == faults
    assert all(one.cure for one in told)
