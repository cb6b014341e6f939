"""What an agent says of itself: judged soberly, bounded on the state topic."""

import msgspec

from edge.account import Total
from edge.settings import EdgeConfig, SerialDevice
from edge.status import Health, JournalStatus, Status, bounded_ports, config_hash, counters, with_status
from telemetry.inventory import Sensor, Site
from telemetry.messages import ClockState, DeviceCounters, PortCounters, SensorCounters, State

NOW = 1_700_000_000_000
PM = Sensor("pm-1", "pms5003", ("pm25", "pm10"), 1.0)
CONFIG = EdgeConfig(gateway="gw-1", site=Site("s", "S", 20.9, 107.0))


def test_a_sensor_is_waited_for_then_silent_then_well() -> None:
    health = Health(NOW)
    assert health.judge(PM, Total(), NOW + 1000) == "waiting"
    assert health.judge(PM, Total(), NOW + 13_001) == "silent"
    heard = Total(read=2, last_ms=NOW + 20_000)
    assert health.judge(PM, heard, NOW + 33_000) == "ok"
    assert health.judge(PM, heard, NOW + 33_001) == "silent"
    assert health.judge(Sensor("radar-1", "ops243", ("vehicle_speed",)), Total(), NOW + 10**9) == "ok"


def test_a_sensor_is_faulty_while_more_is_bad_than_good_in_the_last_minute() -> None:
    health = Health(NOW)
    assert health.judge(PM, Total(read=10, bad=10, last_ms=NOW), NOW) == "ok"
    assert health.judge(PM, Total(read=11, bad=12, last_ms=NOW + 10_000), NOW + 10_000) == "faulty"
    assert health.judge(PM, Total(read=11, bad=12, last_ms=NOW + 60_000), NOW + 60_000) == "faulty"
    assert health.judge(PM, Total(read=12, bad=12, last_ms=NOW + 70_000), NOW + 70_000) == "ok"


def test_expected_follows_the_periods() -> None:
    line = counters(PM, Total(quantities=2, periods=60, observations=50, read=100, bad=3, late=4), "ok")
    assert (line.expected, line.read, line.bad, line.late) == (120, 100, 3, 4)


def test_the_hash_changes_with_anything_and_with_nothing_else() -> None:
    device = SerialDevice(path="/dev/x", protocol="pms5003", sensor="pm-1", options={"a": 1, "b": 2})
    turned = msgspec.structs.replace(device, options={"b": 2, "a": 1})
    with_device = msgspec.structs.replace(CONFIG, serial=(device,))
    assert config_hash(CONFIG) == config_hash(msgspec.structs.replace(CONFIG))
    assert config_hash(with_device) != config_hash(CONFIG)
    assert config_hash(with_device) == config_hash(msgspec.structs.replace(CONFIG, serial=(turned,)))
    other = msgspec.structs.replace(CONFIG, broker=msgspec.structs.replace(CONFIG.broker, root="x"))
    assert config_hash(other) != config_hash(CONFIG)


def test_the_heartbeat_stays_small_and_holds_what_is_wrong() -> None:
    devices = tuple(
        DeviceCounters(f"unit-{n:059d}", asked=10**9, unanswered=n, unanswered_in_a_row=n) for n in range(99)
    )
    ports = tuple(
        PortCounters(f"/dev/serial/by-id/{n:040d}", n != 77, 10**9, n, 10**9, NOW, 10**6, "", devices)
        for n in range(99)
    )
    sensors = tuple(
        SensorCounters(f"{n:064d}", "silent" if n > 50 else "ok", 10**9, 10**9, 10**9, 10**9, 10**9, NOW)
        for n in range(999)
    )
    status = Status(
        gateway="gw-1",
        site="s",
        version="1",
        config="0" * 12,
        config_problem="x" * 9999,
        pid=1,
        started_ms=NOW,
        time_ms=NOW,
        every_s=10,
        clock=ClockState("system"),
        broker_connected=True,
        last_ack_ms=NOW,
        accepted=1,
        duplicates=1,
        nudged=1,
        packs_set_aside=0,
        journal=JournalStatus(5, NOW - 1, 10**9, 3),
        ports=ports,
        sensors=sensors,
    )
    state = with_status(State("gw-1", online=True, session=(1, 1), ports=bounded_ports(ports)), status)
    assert [port.name[-2:] for port in state.ports[:2]] == ["77", "98"]
    assert [one.sensor[-2:] for one in state.ports[0].devices] == [str(98 - n) for n in range(8)]
    assert len(state.ports) == len(state.sensors) == 32
    assert {one.health for one in state.sensors} == {"silent"}
    assert (state.oldest_ms, state.given_up, state.last_ack_ms) == (NOW - 1, 3, NOW)
    assert len(msgspec.json.encode(state)) < 64_000
    healthy = msgspec.structs.replace(status, sensors=sensors[:50], ports=())
    assert with_status(State("gw-1", online=True, session=(1, 1)), healthy).sensors == ()
