"""What `halong edge scan` makes of its options."""

from pathlib import Path

from halong.scan import names_of, ports_of


def test_values_are_named_by_whatever_name_of_the_port(tmp_path: Path) -> None:
    device, lasting = tmp_path / "ttyUSB1", tmp_path / "usb-rs485"
    device.touch()
    lasting.symlink_to(device)
    ports = ports_of([str(lasting)])
    wanted = {str(lasting): [("temperature", ""), ("humidity", "%RH")]}
    for name in (device, lasting):
        assert names_of([f"{name}=temperature,humidity:%RH"], ports) == wanted
    assert names_of(["pm25"], ports) == {"": [("pm25", "")]}
