"""Payload formats that need more than a mapping, one line each. A new one is one file here, one line, its vectors, one row in
docs/sources.md.
"""

from collections.abc import Callable

from edge.formats.contract import Format, Options
from edge.formats.lorawan import ChirpStack, TheThingsStack
from edge.formats.sensor_community import SensorCommunity
from edge.formats.shelly import Shelly
from edge.formats.sparkplug_nodes import Sparkplug
from edge.formats.tasmota import Tasmota
from edge.formats.zigbee2mqtt import Zigbee2Mqtt

FORMATS: dict[str, Callable[[Options], Format]] = {
    "chirpstack-v4": ChirpStack,
    "tts-v3": TheThingsStack,
    "sparkplug-b": Sparkplug,
    "tasmota": Tasmota,
    "zigbee2mqtt": Zigbee2Mqtt,
    "shelly-gen2": Shelly,
    "sensor-community": SensorCommunity,
}
