"""The broker of `halong up`: mosquitto where it is installed, else an embedded one, always as its own process.

Delivery asks nothing of a broker but to pass messages on (docs/decisions), so each is started with few settings. The
embedded brokers are pip packages: iotcore (a Rust broker in a wheel) and, where it has no wheel, amqtt.
"""

import asyncio
import importlib.util
import logging
import shutil
import sys
from enum import StrEnum
from pathlib import Path

MAX_PAYLOAD = 4 * 1024 * 1024


class BrokerKind(StrEnum):
    """Which program passes the messages on."""

    MOSQUITTO = "mosquitto"
    IOTCORE = "iotcore"
    AMQTT = "amqtt"


class NoBrokerError(Exception):
    """No broker of the wanted kind can be started here."""


def mosquitto_path() -> str | None:
    """Where the mosquitto program is; Debian puts it where an ordinary user's PATH does not look."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/sbin")


def choose(wanted: BrokerKind | None = None) -> BrokerKind:
    """The broker to start; raises NoBrokerError."""
    available = {
        BrokerKind.MOSQUITTO: mosquitto_path() is not None,
        BrokerKind.IOTCORE: importlib.util.find_spec("iotcore") is not None,
        BrokerKind.AMQTT: importlib.util.find_spec("amqtt") is not None,
    }
    if wanted is not None and not available[wanted]:
        raise NoBrokerError(
            f"broker {wanted} is not installed; leave --embedded-broker out to take what is there"
        )
    for kind, there in available.items():
        if there and wanted in (None, kind):
            return kind
    raise NoBrokerError("no MQTT broker: install mosquitto, or give one with --broker mqtt://host:1883")


def command(kind: BrokerKind, port: int, directory: Path, *, persistence: bool = False) -> list[str]:
    """The command line that runs the broker on 127.0.0.1:`port` in the foreground; writes its configuration.

    `persistence` is mosquitto's: it keeps retained messages and sessions in a file. The others have none.
    """
    directory.mkdir(parents=True, exist_ok=True)
    match kind:
        case BrokerKind.MOSQUITTO:
            config = directory / "mosquitto.conf"
            lines = [
                f"listener {port} 127.0.0.1",
                "allow_anonymous true",
                f"persistence {str(persistence).lower()}",
                f"persistence_location {directory}/",
                "log_type error",
            ]
            config.write_text("\n".join(lines) + "\n", encoding="utf-8")
            return [str(mosquitto_path()), "-c", str(config)]
        case BrokerKind.IOTCORE:
            config = directory / "iotcore.toml"
            config.write_text(_IOTCORE.format(port=port, payload=MAX_PAYLOAD), encoding="utf-8")
            return [sys.executable, "-m", "halong.broker", kind, str(config)]
        case BrokerKind.AMQTT:
            return [sys.executable, "-m", "halong.broker", kind, str(port)]


# rumqttd's own format. Segments bound its memory: it keeps them per topic filter, acknowledged or not.
_IOTCORE = """id = 0

[router]
id = 0
max_connections = 1000
max_outgoing_packet_count = 200
max_segment_size = {payload}
max_segment_count = 8

[v4.1]
name = "halong"
listen = "127.0.0.1:{port}"
next_connection_delay_ms = 1

[v4.1.connections]
connection_timeout_ms = 60000
max_payload_size = {payload}
max_inflight_count = 100
dynamic_filters = true
"""


def _run_iotcore(config: str) -> None:
    from iotcore import IotCoreBroker

    # rumqttd wraps its routing in error spans: without this every packet is a line on stderr.
    logging.getLogger("rumqttd").setLevel(logging.CRITICAL)
    logging.basicConfig(level=logging.WARNING)
    IotCoreBroker(config_path=config).run_forever()


async def _run_amqtt(port: int) -> None:
    from amqtt.broker import Broker

    broker = Broker(
        {
            "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}", "max_connections": 1000}},
            "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
        }
    )
    await broker.start()
    await asyncio.Event().wait()


def main(arguments: list[str]) -> None:
    """Run an embedded broker until killed: `python -m halong.broker iotcore CONFIG | amqtt PORT`."""
    kind, what = BrokerKind(arguments[0]), arguments[1]
    if kind is BrokerKind.IOTCORE:
        _run_iotcore(what)
    else:
        asyncio.run(_run_amqtt(int(what)))


if __name__ == "__main__":
    main(sys.argv[1:])
