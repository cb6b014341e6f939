"""The serial ports of this machine, by names that stay: /dev/serial/by-id, else by-path, else the device itself."""

import glob
import os
from pathlib import Path
from typing import NamedTuple

from serial.tools import list_ports

BY_ID, BY_PATH = Path("/dev/serial/by-id"), Path("/dev/serial/by-path")


class SerialPort(NamedTuple):
    """`path` is the name to configure, `device` what it leads to now, `usb` the adapter's own words and serial number."""

    path: str
    device: str
    usb: str = ""


def found() -> list[SerialPort]:
    """Every port with hardware behind it, in the order of their names."""
    ports = []
    for port in list_ports.comports(include_links=False):
        words = [
            port.product or port.description or "",
            f"serial {port.serial_number}" if port.serial_number else "",
        ]
        ports.append(
            SerialPort(
                stable(port.device), port.device, " ".join(word for word in words if word and word != "n/a")
            )
        )
    return sorted(ports)


def given(patterns: list[str]) -> list[SerialPort]:
    """Ports named by path or by a pattern like /tmp/ports/*; a path that is not there is kept, to be told as away."""
    paths: list[str] = []
    for pattern in patterns:
        paths += sorted(glob.glob(pattern)) or ([] if glob.has_magic(pattern) else [pattern])
    return [SerialPort(stable(path), os.path.realpath(path)) for path in dict.fromkeys(paths)]


def stable(device: str) -> str:
    """A name of the device that survives a reboot; the given one when it is no device of /dev, or there is none."""
    if not device.startswith("/dev/") or device.startswith(("/dev/pts/", "/dev/serial/")):
        return device
    target = os.path.realpath(device)
    for directory in (BY_ID, BY_PATH):
        for link in sorted(directory.glob("*")):
            if os.path.realpath(link) == target:
                return str(link)
    return device
