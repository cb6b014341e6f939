"""The configuration: the sample is true, and every mistake is one clear line before a port opens."""

from pathlib import Path

import msgspec
import pytest
import tomli_w

from edge.config import check
from edge.publishers import HttpListener, HttpSensor, MqttSource, PayloadFormat
from edge.settings import EdgeConfig, Encoding, JournalSettings
from runtime.config import ConfigError, load, parse
from telemetry.inventory import Site

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "edge" / "edge.sample.toml"
LEAST = """
gateway = "gw-1"
[site]
id = "s"
name = "S"
latitude = 20.9
longitude = 107.0
"""
PM = '[[serial]]\npath = "/dev/a"\nprotocol = "pms5003"\nsensor = "pm-1"\n'
CO2 = '[[serial]]\npath = "/dev/b"\nprotocol = "mhz19"\nsensor = "co2-1"\n'
BUS = '[[modbus]]\npath = "/dev/c"\n'
UNIT = '[[modbus.unit]]\nunit = 1\nmap = "air-station"\nsensor = "air-1"\n'
JSON = '[[mqtt]]\ntopic = "t"\nsensor = "j-1"\nfields = { co2 = { path = "c" } }\n'
SENML = '[[mqtt]]\ntopic = "t"\nsensor = "m-1"\nformat = "senml"\n'
RADAR = '[[serial]]\npath = "/dev/r"\nprotocol = "ops243"\nsensor = "radar-1"\n'
LORA = '[[mqtt]]\ntopic = "application/+/device/+/event/up"\nsensor = "l-1"\nformat = "chirpstack-v4"\n'
CO2_FIELD = 'fields = { co2 = { path = "CO2" } }\n'
SPARKPLUG = '[[mqtt]]\ntopic = "spBv1.0/City/+/edge1/#"\nsensor = "sp-1"\nformat = "sparkplug-b"\n'
TASMOTA = '[[mqtt]]\ntopic = "tele/x/SENSOR"\nsensor = "ta-1"\nformat = "tasmota"\n'
HTTP = "[[http]]\n"
NODE = '[[http.sensor]]\nnode = "esp8266-1"\nsensor = "node-1"\n'


def config(text: str) -> EdgeConfig:
    return parse(LEAST + text, EdgeConfig, "edge.toml")


def test_a_receiver_that_publishes_nothing_is_no_sensor_of_the_city() -> None:
    found = config(PM + '[[serial]]\npath = "/dev/gnss"\nprotocol = "nmea0183"\nsensor = "gnss"\n')
    assert found.sensor_count == 2
    assert [sensor.protocol for sensor in found.sensors()] == ["pms5003"]


def test_the_sample_loads_and_is_good() -> None:
    sample = load(SAMPLE, EdgeConfig)
    check(sample)
    assert sample.sensor_count == 5
    assert [sensor.id for sensor in sample.sensors()] == [
        "bai-chay-pm-1",
        "bai-chay-air-1",
        "bai-chay-co2-1",
        "bai-chay-noise-1",
        "bai-chay-node-1",
    ]
    assert all(sensor.quantities for sensor in sample.sensors())


def test_the_sample_shows_every_key_with_its_default() -> None:
    sample = load(SAMPLE, EdgeConfig)
    least = config("")
    assert (sample.broker, sample.journal, sample.clock) == (least.broker, least.journal, least.clock)
    text = SAMPLE.read_text(encoding="utf-8")
    shown = {line.split("=")[0].strip() for line in text.splitlines() if "=" in line}
    for struct in (
        JournalSettings,
        MqttSource,
        HttpListener,
        HttpSensor,
        type(sample.serial[0]),
        type(sample.modbus[0].units[0]),
    ):
        for field in msgspec.structs.fields(struct):
            assert field.encode_name in shown or f"[mqtt.{field.encode_name}]" in text, field.encode_name


def test_a_gateway_without_sensors_is_good() -> None:
    check(config(""))
    assert config("").sensors() == ()


def test_what_was_loaded_can_be_written_and_loaded_again() -> None:
    first = config(PM + CO2 + BUS + UNIT + JSON + SENML + LORA + CO2_FIELD + SPARKPLUG + HTTP + NODE)
    check(first)
    assert parse(tomli_w.dumps(msgspec.to_builtins(first)), EdgeConfig, "again") == first


def test_sensors_say_what_they_are() -> None:
    sensors = {sensor.id: sensor for sensor in config(PM + CO2 + BUS + UNIT + JSON + SENML).sensors()}
    assert sensors["pm-1"].protocol == "pms5003"
    assert set(sensors["pm-1"].quantities) == {"pm1", "pm25", "pm10"}
    assert "wind_speed" in sensors["air-1"].quantities
    assert sensors["air-1"].period_s == 2.0
    assert (sensors["j-1"].protocol, sensors["j-1"].quantities) == ("mqtt-json", ("co2",))
    assert sensors["m-1"].quantities == ()


@pytest.mark.parametrize("topic", ["spBv1.0/#", "spBv1.0/City/#", "spBv1.0/+/+/#", "spBv1.0/City/+/edge1/#"])
def test_topics_on_which_a_node_is_whole(topic: str) -> None:
    check(config(SPARKPLUG.replace("spBv1.0/City/+/edge1/#", topic)))


def test_publishers_say_what_they_are() -> None:
    text = LORA + CO2_FIELD + SPARKPLUG + 'names = { a = "pm25" }\n' + HTTP + NODE + 'quantities = ["pm10"]\n'
    check(config(text))
    lora, sparkplug, node = config(text).sensors()
    assert (lora.protocol, lora.quantities) == ("mqtt-chirpstack-v4", ("co2",))
    assert (sparkplug.protocol, sparkplug.quantities) == ("mqtt-sparkplug-b", ("pm25",))
    assert (node.protocol, node.quantities, node.period_s) == ("sensor-community", ("pm10",), 145.0)


def test_a_radar_that_is_counted_reports_periods() -> None:
    (sensor,) = config(RADAR + "aggregate_s = 300\nraw = true").sensors()
    assert (sensor.period_s, sensor.quantities) == (
        300.0,
        ("vehicle_count", "vehicle_speed", "vehicle_speed_p85", "occupancy"),
    )


def test_a_unit_can_be_asked_for_some_of_its_fields() -> None:
    (sensor,) = config(BUS + UNIT + 'fields = ["pm25", "pm10"]\n').sensors()
    assert set(sensor.quantities) == {"pm25", "pm10"}


def test_the_journal_stands_beside_its_configuration() -> None:
    assert config("").located_in(Path("etc")).journal.path == "etc/journal.db"
    absolute = '[journal]\npath = "/var/lib/journal.db"\n'
    assert config(absolute).located_in(Path("etc")).journal.path == "/var/lib/journal.db"


def test_a_configuration_can_be_built_without_toml() -> None:
    built = EdgeConfig(
        gateway="gw-1",
        site=Site("s", "S", 20.9, 107.0),
        mqtt=(MqttSource(topic="a/+", sensor="x", format=PayloadFormat.SENML_CBOR),),
    )
    check(built)
    assert built.broker.encoding is Encoding.JSON


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('[broker]\nurl = "http://x"', r"broker\.url: broker 'http://x' must look like"),
        ('[broker]\nroot = "a/#"', r"broker\.root 'a/#' must be levels"),
        ('[broker]\nroot = "a/"', r"broker\.root 'a/' must be levels"),
        ("[journal]\ncommit_ms = 0", r"journal\.commit_ms 0 must be"),
        ("[journal]\nkeep_days = -1", r"journal\.keep_days -1"),
        ("[journal]\nmax_mb = 1", r"journal\.max_mb 1 must be at least 4"),
        (PM.replace("pm-1", "PM 1"), r"serial\[0\]\.sensor: id 'PM 1' must be"),
        (
            PM.replace("pms5003", "pms500"),
            r"serial\[0\]: unknown protocol 'pms500', did you mean 'pms5003'\?",
        ),
        (PM.replace("pms5003", "zzz"), r"unknown protocol 'zzz', known: "),
        (PM + "baud = -1", r"serial\[0\]: baud -1"),
        (PM + "timeout_s = -1", r"timeout_s -1(\.0)? must be above 0"),
        (PM + "line = '9X1'", r"serial\[0\]: line '9X1' must be data bits, parity and stop bits"),
        (PM + "period_s = -1", r"period_s -1(\.0)? must be 0 to 86400"),
        (PM + "period_s = nan", r"period_s nan must be 0 to 86400"),
        (PM + "latitude = 91\nlongitude = 0", r"latitude 91(\.0)? is outside"),
        (PM + "latitude = 1\nlongitude = 181", r"longitude 181(\.0)? is outside"),
        (PM + "latitude = 1", r"latitude and longitude go together"),
        (CO2 + "period_s = 0", r"serial\[0\]: a mhz19 device is polled"),
        (PM + PM, r"sensor 'pm-1' is configured twice"),
        (PM + CO2.replace("/dev/b", "/dev/a"), r"path '/dev/a' is configured twice"),
        (BUS, r"modbus\[0\]: no \[\[modbus\.unit\]\] on /dev/c"),
        (
            BUS + UNIT.replace("unit = 1\n", "unit = 248\n"),
            r"modbus\[0\]\.unit\[0\]: unit 248 must be 1 to 247",
        ),
        (BUS + UNIT + "period_s = 0", r"period_s must be above 0"),
        (BUS + UNIT.replace("air-station", "air-statio"), r"modbus\[0\]\.unit\[0\]: .*air-statio"),
        (BUS + UNIT + 'fields = ["smell"]', r"modbus\[0\]\.unit\[0\]: .*smell"),
        (BUS + UNIT + UNIT.replace("air-1", "air-2"), r"modbus\[0\]: unit '1' is configured twice"),
        (
            JSON.replace("co2 =", "humidit ="),
            r"mqtt\[0\]: unknown quantity 'humidit', did you mean 'humidity'\?",
        ),
        (JSON.replace('"c"', '"c", unit = "lx"'), r"mqtt\[0\]\.fields\.co2: co2 is kept in ppm"),
        (JSON.replace('"c"', '"c["'), r"mqtt\[0\]: "),
        (JSON + 'time = "]"', r"mqtt\[0\]: "),
        (JSON + 'url = "x"', r"mqtt\[0\]\.url: broker 'x' must look like"),
        (JSON.replace('"t"', '"a/#/b"'), r"topic 'a/#/b' is no topic filter"),
        (JSON.replace('"t"', '"a/b+"'), r"topic 'a/b\+' is no topic filter"),
        (JSON.split("fields")[0], r"mqtt\[0\]: a JSON source needs fields"),
        (SENML + 'time = "t"', r"mqtt\[0\]: fields and time are for JSON"),
        (SENML + 'names = { x = "smell" }', r"unknown quantity 'smell'"),
        (SENML + 'quantities = ["smell"]', r"unknown quantity 'smell'"),
        (LORA, r"mqtt\[0\]: a chirpstack-v4 source needs fields"),
        (LORA + CO2_FIELD + 'names = { a = "co2" }', r"chirpstack-v4 takes fields, not names"),
        (LORA + CO2_FIELD + 'time = "t"', r"time is for JSON, chirpstack-v4 knows where it stands"),
        (LORA + CO2_FIELD + 'device_from = "topic"', r"device_from = 'topic' needs the device"),
        (LORA + CO2_FIELD.replace('"CO2"', '"CO2["'), r"mqtt\[0\]: not a JMESPath"),
        (SPARKPLUG.replace("+/edge1", "NDATA/edge1"), r"must hear births and all of a node"),
        (SPARKPLUG.replace("edge1/#", "edge1"), r"must hear births and all of a node"),
        (SPARKPLUG.replace("edge1/#", "edge1/+"), r"must hear births and all of a node"),
        (SPARKPLUG.replace("spBv1.0", "spAv1.0"), r"must hear births and all of a node"),
        (SPARKPLUG + 'zone = "Asia/Ho_Chi_Minh"', r"zone is for tasmota"),
        (TASMOTA + 'zone = "Asia/Halong"', r"unknown time zone 'Asia/Halong'"),
        (TASMOTA + 'device = "x"', r"tasmota does not say which device it is"),
        (RADAR + "aggregate_s = 7", r"aggregate_s 7 must divide a day"),
        (RADAR + "aggregate_s = -60", r"aggregate_s -60 must divide a day"),
        (RADAR + "raw = true", r"raw goes with aggregate_s"),
        (PM + "aggregate_s = 60", r"pms5003 reports no vehicle_speed"),
        (HTTP, r"http\[0\]: no \[\[http\.sensor\]\]"),
        (HTTP + 'listen = ""\n' + NODE, r"listen must be an address"),
        (HTTP + "port = 0\n" + NODE, r"port 0 must be 1 to 65535"),
        (HTTP + 'path = "push"\n' + NODE, r"path 'push' must be like"),
        (HTTP + NODE.replace("esp8266-1", "esp 1"), r"http\[0\]\.sensor\[0\]: node 'esp 1' must be like"),
        (HTTP + NODE + "pin = 10000", r"pin 10000 must be 0 to 9999"),
        (HTTP + NODE + 'names = { P1 = "smell" }', r"unknown quantity 'smell'"),
        (HTTP + NODE + NODE.replace("node-1", "node-2"), r"node 'esp8266-1 pin 0' is configured twice"),
        (
            HTTP + NODE + HTTP + NODE.replace("node-1", "node-2"),
            r"http address '127\.0\.0\.1:8480' is configured twice",
        ),
        (PM + HTTP + NODE.replace("node-1", "pm-1"), r"sensor 'pm-1' is configured twice"),
    ],
)
def test_a_mistake_is_one_clear_line(text: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint) as caught:
        check(config(text))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (PM + "perod_s = 1", r"unknown key 'serial\[0\]\.perod_s', did you mean 'period_s'\?"),
        (BUS + UNIT + "uint = 1", r"unknown key 'modbus\[0\]\.unit\[0\]\.uint', did you mean 'unit'\?"),
        (
            JSON.replace("path =", "pth ="),
            r"unknown key 'mqtt\[0\]\.fields\.co2\.pth', did you mean 'path'\?",
        ),
        (SENML.replace('"senml"', '"senmm"'), r"Invalid enum value 'senmm'"),
        ('[clock]\ntrust = "me"', r"Invalid enum value 'me'"),
    ],
)
def test_an_unknown_word_is_refused_while_loading(text: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        config(text)


def test_bad_ids_of_gateway_and_site_are_refused() -> None:
    good = config("")
    with pytest.raises(ConfigError, match=r"^gateway: id 'GW' must be"):
        check(msgspec.structs.replace(good, gateway="GW"))
    with pytest.raises(ConfigError, match=r"^site\.id: id '' must be"):
        check(msgspec.structs.replace(good, site=Site("", "", 0, 0)))
