"""A scan of simulated devices on real pseudo-terminals finds each driver, and the configuration that it writes gives readings."""

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from edge.config import EdgeConfig, check
from edge.export import ExportError, read
from edge.line import Line
from edge.scanning.configure import Header, Port, named, parse_names, written
from edge.scanning.port import Outcome, Plan, PortScan, Report
from edge.scanning.probes import all_maps
from firmware_sim.devices.air_station import AirStation
from firmware_sim.pty import PtyPort
from firmware_sim.street import run_device
from runtime.config import parse
from telemetry.inventory import Site
from tests.peers import agent
from tests.waiting import until

ROOT = Path(__file__).parents[2]
PATIENCE_S = 60.0
DEVICES = (
    "pms5003", "pms5003t", "pms3003", "sds011", "sps30", "mhz19", "ops243", "hlk-ld2451", "wavetronix-csv", "sdi12",
    "davis-vantage", "nmea0183", "line-ndjson", "line-delimited",
)  # fmt: skip
QUIET = ("nmea0183", "ops243", "hlk-ld2451", "wavetronix-csv")  # no readings, or only when somebody drives by
UNITS = (1, 3)
HEADER = Header("gw-scan", Site("hon-gai", "Hòn Gai", 20.95, 107.08), "mqtt://127.0.0.1:1")


def clock() -> int:
    return time.time_ns() // 1_000_000


@asynccontextmanager
async def device(protocol: str, link: Path) -> AsyncIterator[None]:
    stop = asyncio.Event()
    living = asyncio.create_task(
        run_device(protocol, link=link, sensor=protocol, record=None, seed=7, faults=[], stop=stop)
    )
    while not link.exists():
        await asyncio.sleep(0.01)
    yield
    stop.set()
    await living


@asynccontextmanager
async def bus(link: Path) -> AsyncIterator[list[bytes]]:
    """Two air stations on one line; everything that was said on it is kept."""
    port, loop = PtyPort(link), asyncio.get_running_loop()
    stations = [AirStation(lambda quantity, at_s: 20.0, unit=unit) for unit in UNITS]
    said: list[bytes] = []

    def hear() -> None:
        data = port.read()
        said.append(data)
        for station in stations:
            for emission in station.receive(data, loop.time()):
                port.write(emission.data, loop.time())

    loop.add_reader(port.fileno(), hear)
    yield said
    loop.remove_reader(port.fileno())
    port.close()


async def scanned(*links: Path) -> list[Report]:
    """Longer at the one radar that is only heard when somebody drives by."""
    scans = [
        PortScan(
            str(link),
            Plan(20.0 if link.name == "wavetronix-csv" else 2.0, range(1, 5), all_maps(())),
            clock=clock,
            tell=lambda what, share: None,
        )
        for link in links
    ]
    return list(await asyncio.gather(*(one.run() for one in scans)))


async def test_each_protocol_is_found_and_what_is_written_gives_readings(tmp_path: Path) -> None:
    links = {protocol: tmp_path / protocol for protocol in DEVICES}
    rs485 = tmp_path / "rs485"
    async with AsyncExitStack() as stack:
        said = await stack.enter_async_context(bus(rs485))
        for protocol, link in links.items():
            await stack.enter_async_context(device(protocol, link))
        quiet = PtyPort(tmp_path / "quiet")
        *reports, silent = await scanned(*links.values(), rs485, tmp_path / "quiet")
        quiet.close()
        assert (silent.outcome, silent.found, silent.heard) == (Outcome.SILENT, (), 0)
        *alone, line = reports
        assert {Path(one.path).name: [found.protocol for found in one.found] for one in alone} == {
            protocol: [protocol] for protocol in DEVICES
        }
        assert [(found.unit, found.map) for found in line.found] == [(unit, "air-station") for unit in UNITS]
        assert all(message[1] in (3, 4) for message in said if len(message) == 8 and message[0] in UNITS)
        names = parse_names(
            [
                f"{links['sdi12']}=water_level,temperature",
                f"{links['line-delimited']}=temperature,humidity,pressure",
            ]
        )
        ports = [Port(one.path, [named(found, one.path, names) for found in one.found]) for one in reports]
        text = written(HEADER, ports) + '\n[clock]\ntrust = "system"\n'  # there is no hub to tell the time
        config = parse(text, EdgeConfig, "edge.toml")
        check(config)
        assert config.sensor_count == len(DEVICES) + len(UNITS)
        await readings_come(config.located_in(tmp_path))


async def readings_come(config: EdgeConfig) -> None:
    """The agent runs on the configuration until every sensor that measures by itself has been journalled."""
    expected = {
        sensor.id: set(sensor.quantities) for sensor in config.sensors() if sensor.protocol not in QUIET
    }
    journal = Path(config.journal.path)

    def journalled() -> bool:
        found: dict[str, set[str]] = {}
        try:
            pieces = list(read(journal, 0, 2**62))
        except ExportError:  # it is not made yet
            return False
        for piece in pieces:
            for one in piece.readings:
                found.setdefault(one.sensor, set()).add(one.quantity)
        return all(found.get(sensor, set()) >= quantities for sensor, quantities in expected.items())

    async with agent(config):
        await until(journalled, every_s=0.5)


async def test_a_port_that_is_held_and_one_that_is_not_there_are_told(tmp_path: Path) -> None:
    link = tmp_path / "held"
    port = PtyPort(link)
    holder = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "import serial, sys, time; s = serial.Serial(sys.argv[1], exclusive=True); print('held', flush=True); time.sleep(60)",
        str(link),
        stdout=subprocess.PIPE,
        cwd=ROOT,
    )
    assert holder.stdout is not None
    assert (await holder.stdout.readline()).strip() == b"held"
    held, away = await scanned(link, tmp_path / "absent")
    holder.kill()
    await holder.wait()
    assert held.outcome is Outcome.HELD
    assert f"process {holder.pid}" in held.detail
    assert away.outcome is Outcome.AWAY
    async with Line.open(str(link), 9600, clock):
        pass  # it is free again
    port.close()
