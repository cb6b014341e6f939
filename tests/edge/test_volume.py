"""The estimate holds against journals that are really written, and the refusal has figures."""

import os
from pathlib import Path
from random import Random

import msgspec
import pytest

from edge import volume
from edge.config import check
from edge.journal import Journal
from edge.packing import pack
from edge.settings import EdgeConfig, JournalSettings, ModbusBus, ModbusUnit, SerialDevice
from runtime.config import ConfigError
from telemetry.inventory import Site
from telemetry.quantities import QUANTITIES
from telemetry.reading import Reading

SITE = Site("bai-chay", "Bãi Cháy", 20.9, 107.0)
T = 1_700_000_000_000


def pm(number: int, period_s: float = 1.0) -> SerialDevice:
    return SerialDevice(
        path=f"/dev/{number}", protocol="pms5003", sensor=f"bai-chay-pm-{number}", period_s=period_s
    )


def bus(units: int) -> ModbusBus:
    return ModbusBus(
        path="/dev/rs485",
        units=tuple(
            ModbusUnit(unit=unit, map="air-station", sensor=f"bai-chay-air-{unit}")
            for unit in range(1, units + 1)
        ),
    )


CONFIGS = [
    EdgeConfig(gateway="gw", site=SITE, serial=(pm(1),)),
    EdgeConfig(gateway="gw", site=SITE, serial=(pm(1, 60.0),)),
    EdgeConfig(gateway="gw", site=SITE, serial=tuple(pm(number) for number in range(8)), modbus=(bus(4),)),
    EdgeConfig(
        gateway="gw", site=SITE, serial=tuple(pm(number, 0.2) for number in range(30)), modbus=(bus(20),)
    ),
]


def written(config: EdgeConfig, path: Path, seconds: float) -> float:
    """Bytes a day, by a journal of so many seconds as the agent writes it: rounds at random moments, group commits."""
    rng, journal = Random(3), Journal.open(path, clock=lambda: T, rng=Random(1))
    walks = {(s.id, q): rng.uniform(10, 500) for s in config.sensors() for q in s.quantities}
    phases = {s.id: rng.random() * s.period_s for s in config.sensors()}
    rounds = [
        (T + 1000 * (phases[s.id] + i * s.period_s) + rng.uniform(0, 20), s)
        for s in config.sensors()
        for i in range(int(seconds / s.period_s))
    ]
    rounds.sort(key=lambda one: one[0])
    waiting: list[Reading] = []
    due = 0.0
    for at, sensor in rounds:
        if waiting and at >= due:
            journal.append(pack(SITE.id, waiting), round(due))
            waiting = []
        if not waiting:
            due = at + config.journal.commit_ms
        for quantity in sensor.quantities:
            walks[sensor.id, quantity] += rng.gauss(0, 3)
            value = round(walks[sensor.id, quantity], QUANTITIES[quantity].decimals)
            waiting.append(Reading(sensor.id, quantity, round(at), value))
    journal.close()
    return os.path.getsize(path) * 86_400 / seconds


@pytest.mark.parametrize(("config", "seconds"), list(zip(CONFIGS, (1200, 30_000, 150, 40), strict=True)))
def test_the_estimate_is_what_a_journal_grows_by(config: EdgeConfig, seconds: float, tmp_path: Path) -> None:
    found = volume.estimate(config).bytes
    real = written(config, tmp_path / "journal.db", seconds)
    print(found, real, found / real)
    assert 0.75 < found / real < 1.35


def test_readings_and_packs_of_a_day() -> None:
    one = volume.estimate(CONFIGS[0])
    assert one.readings == 3 * 86_400
    assert one.packs == 86_400
    assert volume.estimate(EdgeConfig(gateway="gw", site=SITE)) == (0, 0, 0)


def with_bound(config: EdgeConfig, *, regulatory: bool, days: int = 60, max_mb: int = 2048) -> EdgeConfig:
    journal = JournalSettings(keep_days=days, max_mb=max_mb)
    return msgspec.structs.replace(config, journal=journal, regulatory=regulatory)


def test_a_regulatory_station_must_hold_its_days() -> None:
    check(with_bound(CONFIGS[0], regulatory=True))
    check(with_bound(CONFIGS[3], regulatory=False))
    with pytest.raises(
        ConfigError, match=r"max_mb 2048 holds \d+\.\d days .* MB a day\), journal.keep_days asks for 60: set"
    ):
        check(with_bound(CONFIGS[3], regulatory=True))
    with pytest.raises(ConfigError, match=r"keep_days 59: .* at least 60 days"):
        check(with_bound(CONFIGS[0], regulatory=True, days=59))


def test_what_is_advised_is_enough() -> None:
    words = volume.shortage(with_bound(CONFIGS[3], regulatory=True))
    advised = int(words.split("set max_mb to ")[1].split()[0])
    check(with_bound(CONFIGS[3], regulatory=True, max_mb=advised))
