"""What an agent is compared with: a pyserial loop that waits until a port has bytes, reads them and forgets them."""

import selectors
import sys
from pathlib import Path

import serial


def main(ports: Path) -> None:
    """Read every port of the directory for ever."""
    selector = selectors.DefaultSelector()
    for path in sorted(ports.glob("pm-*")):
        selector.register(serial.Serial(str(path), 9600, timeout=0), selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            if isinstance(key.fileobj, serial.Serial):
                key.fileobj.read(4096)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
