"""More devices that publish: a node behind The Things Stack v3, and boards that send plain JSON or SenML (RFC 8428). Pure."""

import json
import struct
from base64 import b64encode
from datetime import UTC, datetime

import cbor2

from firmware_sim.devices.networks import JsonDevice, Publication

_SENML_UNITS = {"temperature": "Cel", "humidity": "%RH", "pressure": "hPa"}
_BASE_NAME, _BASE_TIME, _NAME, _UNIT, _VALUE = -2, -3, 0, 1, 2  # labels in CBOR


class TtsNode(JsonDevice):
    """A particle node behind The Things Stack v3; its frame counter starts at 0 with each life. `name` is its device id."""

    application = "ha-long-air"
    _counter = -1

    def _message(self, at_ms: int) -> Publication:
        self._counter += 1
        values = self._rounded({"pm25": 1, "pm10": 1, "temperature": 2}, at_ms)
        tenths = [round(values["pm25"] * 10), round(values["pm10"] * 10), round(values["temperature"] * 100)]
        at = datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")
        uplink = {
            "f_port": 2,
            "f_cnt": self._counter,
            "frm_payload": b64encode(struct.pack(">HHh", *tenths)).decode(),
            "decoded_payload": {
                "pm": {"p2": values["pm25"], "p10": values["pm10"]},
                "temp": values["temperature"],
            },
            "rx_metadata": [{"gateway_ids": {"gateway_id": "gw-1"}, "rssi": -70, "snr": 8.5}],
            "received_at": at.replace("+00:00", "000000Z"),
        }
        event = {
            "end_device_ids": {
                "device_id": self._name,
                "application_ids": {"application_id": self.application},
                "dev_eui": "A8404187D187106E",
            },
            "received_at": at.replace("+00:00", "000000Z"),
            "uplink_message": uplink,
        }
        topic = f"v3/{self.application}@ttn/devices/{self._name}/up"
        return Publication(topic, json.dumps(event).encode(), tuple(values.items()), at_ms)


class JsonBoard(JsonDevice):
    """A board with values of its own naming, degrees Fahrenheit among them, and its time in ms. `name` is in its topic."""

    def _message(self, at_ms: int) -> Publication:
        values = self._rounded({"co2": 0, "humidity": 1}, at_ms)
        fahrenheit = round(self._measure("temperature", at_ms / 1000) * 9 / 5 + 32, 1)
        content = {"t": at_ms, "co2": int(values["co2"]), "env": {"f": fahrenheit, "rh": values["humidity"]}}
        readings = (*values.items(), ("temperature", (fahrenheit - 32) * 5 / 9))
        return Publication(f"street/{self._name}", json.dumps(content).encode(), readings, at_ms)


class SenmlJson(JsonDevice):
    """A weather sensor that sends a SenML pack in JSON. `name` is in its topic and its base name."""

    def _message(self, at_ms: int) -> Publication:
        values = self._rounded(dict.fromkeys(_SENML_UNITS, 1), at_ms)
        records: list[dict[str, object]] = [
            {"n": name, "u": _SENML_UNITS[name], "v": value} for name, value in values.items()
        ]
        records[0] = {"bn": f"urn:dev:halong:{self._name}:", "bt": at_ms / 1000, **records[0]}
        return Publication(f"senml/{self._name}", json.dumps(records).encode(), tuple(values.items()), at_ms)


class SenmlCbor(JsonDevice):
    """The same in CBOR, with numbers for labels."""

    def _message(self, at_ms: int) -> Publication:
        values = self._rounded(dict.fromkeys(_SENML_UNITS, 1), at_ms)
        records: list[dict[int, object]] = [
            {_NAME: name, _UNIT: _SENML_UNITS[name], _VALUE: value} for name, value in values.items()
        ]
        records[0] = {_BASE_NAME: f"urn:dev:halong:{self._name}:", _BASE_TIME: at_ms / 1000, **records[0]}
        return Publication(f"senml-cbor/{self._name}", cbor2.dumps(records), tuple(values.items()), at_ms)
