"""From the plan of the city to configurations an agent accepts."""

from pathlib import Path

import pytest

from edge.config import EdgeConfig, check
from firmware_sim.city import GatewayPlan, plan
from halong.street import edge_config, write_gateways
from runtime.config import load

CITY = plan(1)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, EdgeConfig]:
    directory = tmp_path_factory.mktemp("city")
    write_gateways(
        CITY,
        lambda gateway: directory / gateway,
        ports=directory / "ports",
        broker="mqtt://127.0.0.1:1899",
        root="r/v1",
    )
    return {gateway.id: load(directory / gateway.id / "edge.toml", EdgeConfig) for gateway in CITY.gateways}


@pytest.mark.parametrize("gateway", CITY.gateways, ids=lambda gateway: gateway.id)
def test_a_generated_configuration_is_valid_and_says_what_the_plan_says(
    written: dict[str, EdgeConfig], gateway: GatewayPlan
) -> None:
    config = written[gateway.id]
    check(config)
    assert (config.gateway, config.site) == (gateway.id, gateway.site)
    assert (config.broker.url, config.broker.root) == ("mqtt://127.0.0.1:1899", "r/v1")
    sensors = {sensor.id: sensor for sensor in config.sensors()}
    assert sensors.keys() == {device.sensor for device in gateway.devices}
    for device in gateway.devices:
        sensor = sensors[device.sensor]
        assert (sensor.protocol, sensor.period_s, sensor.name) == (
            device.protocol,
            device.period_s,
            device.name,
        )
        assert set(device.quantities) <= set(sensor.quantities)


@pytest.mark.parametrize("gateway", CITY.gateways, ids=lambda gateway: gateway.id)
def test_serial_sensors_are_found_at_their_links(gateway: GatewayPlan) -> None:
    config = edge_config(gateway, ports=Path("/ports"), broker="mqtt://b", root="r")
    paths = {device.path for device in config.serial} | {bus.path for bus in config.modbus}
    assert paths == {f"/ports/{device.sensor}" for device in gateway.devices if device.link == "serial"}
    topics = {source.topic for source in config.mqtt}
    assert topics == {device.topic for device in gateway.devices if device.link == "mqtt"}


def test_every_file_reads_back_as_it_was_meant(written: dict[str, EdgeConfig]) -> None:
    for gateway in CITY.gateways:
        ports = Path(written[gateway.id].serial[0].path).parent
        assert written[gateway.id] == edge_config(
            gateway, ports=ports, broker="mqtt://127.0.0.1:1899", root="r/v1"
        )


def test_a_gateway_with_an_uplink_of_its_own_keeps_its_devices_on_the_common_broker(tmp_path: Path) -> None:
    two = plan(1, 2)
    first, second = (gateway.id for gateway in two.gateways)
    write_gateways(
        two,
        lambda gateway: tmp_path / gateway,
        ports=tmp_path / "ports",
        broker="mqtt://127.0.0.1:1899",
        root="r/v1",
        uplinks={first: "mqtt://127.0.0.1:1900"},
    )
    for gateway, uplink, sources in ((first, 1900, "mqtt://127.0.0.1:1899"), (second, 1899, "")):
        config = load(tmp_path / gateway / "edge.toml", EdgeConfig)
        check(config)
        assert config.broker.url == f"mqtt://127.0.0.1:{uplink}"
        assert {source.url for source in config.mqtt} == {sources}
