"""What excuses a missed reading: ends and starts of processes, and pauses only where they met one."""

from pathlib import Path

import pytest

from firmware_sim.city import plan
from halong.pairing import Sequences, Window
from halong.processes import Outage, Processes
from halong.reckoning import BROKEN_MS, OPEN_MS, UNCOMMITTED_MS, held, unheard

T = 1_700_000_000_000
CITY = plan(1, 1)
(GATEWAY,) = CITY.gateways
SERIAL = next(device.sensor for device in GATEWAY.devices if device.link == "serial")
MQTT = next(device.sensor for device in GATEWAY.devices if device.link == "mqtt")
PERIODS = {SERIAL: 2.0, MQTT: 2.0}


class Lives(Processes):
    """Processes whose past is written here."""

    def first_start_ms(self, name: str) -> int:
        return T - 600_000


@pytest.fixture
def lives(tmp_path: Path) -> Lives:
    return Lives(tmp_path)


def windows(lives: Lives, *heard: tuple[str, int]) -> dict[str, list[Window]]:
    """Of the two sensors, without those of the first start; `heard` are readings (sensor, ms after T)."""
    accepted = Sequences()
    for sensor, at in heard:
        accepted.add(sensor, "x", T + at, 1.0)
    found = [w for w in unheard(CITY, PERIODS, accepted, lives) if w.sensor in PERIODS and w.start_ms]
    return {sensor: [w for w in found if w.sensor == sensor] for sensor in PERIODS}


def test_an_agents_end_excuses_until_its_first_reading_and_one_period(lives: Lives) -> None:
    lives.outages.append(Outage(GATEWAY.id, T, T + 1000))
    found = windows(lives, (SERIAL, -50), (SERIAL, 3000), (SERIAL, 5000))
    assert found[SERIAL] == [Window(SERIAL, T - UNCOMMITTED_MS, T + 3000 + 2000, "agent down")]
    assert found[MQTT] == [Window(MQTT, T - UNCOMMITTED_MS, T + 1000 + OPEN_MS + 2000, "agent down")]


def test_the_brokers_end_excuses_mqtt_devices_only(lives: Lives) -> None:
    lives.outages.append(Outage("broker", T, T + 1000))
    lives.outages.append(Outage("hub", T, T + 1000))
    found = windows(lives, (MQTT, 1500))
    assert found[SERIAL] == []
    assert found[MQTT] == [Window(MQTT, T - UNCOMMITTED_MS, T + 1500 + 2000, "broker down")]


def test_a_pause_alone_excuses_nothing_and_dates_serial_readings_late(lives: Lives) -> None:
    lives.pauses.append(Outage(GATEWAY.id, T, T + 5000))
    lives.pauses.append(Outage("broker", T + 9000, T + 12_000))
    assert windows(lives) == {SERIAL: [], MQTT: []}
    late = held(CITY, lives)
    assert {w.sensor for w in late} == {d.sensor for d in GATEWAY.devices if d.link == "serial"}
    assert {(w.start_ms, w.end_ms) for w in late} == {(T - UNCOMMITTED_MS, T + 5000)}


def test_a_pause_that_met_the_end_of_a_connection_is_one_with_it(lives: Lives) -> None:
    lives.pauses.append(Outage(GATEWAY.id, T, T + 5000))
    lives.outages.append(Outage("broker", T + 4000, T + 4500))
    found = windows(lives, (MQTT, 6000))
    assert found[SERIAL] == []
    assert found[MQTT] == [Window(MQTT, T - UNCOMMITTED_MS, T + 6000 + 2000, "agent and broker down")]


def test_a_pause_so_long_that_connections_end_excuses_mqtt_devices(lives: Lives) -> None:
    lives.pauses.append(Outage("broker", T, T + BROKEN_MS + 1))
    found = windows(lives, (MQTT, BROKEN_MS + 500))
    assert found[SERIAL] == []
    assert [w.end_ms for w in found[MQTT]] == [T + BROKEN_MS + 500 + 2000]


def test_who_stands_still_while_starting_has_that_time_more(lives: Lives) -> None:
    lives.outages.append(Outage(GATEWAY.id, T, T + 1000))
    lives.pauses.append(Outage(GATEWAY.id, T + 5000, T + 9000))
    (window,) = windows(lives)[SERIAL]
    assert window.end_ms == T + 1000 + OPEN_MS + 4000 + 2000
