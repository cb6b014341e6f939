"""A radar on a pty and a CO₂ meter on MQTT, the agent's configuration for them, and a reader of its journal."""

import sqlite3
import zlib
from collections.abc import Sequence
from pathlib import Path

from edge.config import EdgeConfig
from telemetry.packs import decode_pack
from telemetry.reading import Reading
from tests.peers import edge_config

CONFIG = """
[broker]
url = "{url}"
root = "{root}"
[clock]
trust = "system"
[journal]
path = "{directory}/journal.db"
commit_ms = 20
[[serial]]
path = "{directory}/ttyTEST0"
protocol = "ops243"
sensor = "radar-1"
period_s = 0
[[mqtt]]
topic = "{root}/devices/co2"
sensor = "co2-1"
fields = {{ co2 = {{ path = "v" }} }}
time = "at"
"""


def configured(directory: Path, url: str) -> EdgeConfig:
    return edge_config(CONFIG, directory=directory, url=url)


def journalled(config: EdgeConfig) -> list[tuple[Reading, bool]]:
    """Every reading in the journal and whether it is acknowledged, by a reader of our own."""
    path = Path(config.journal.path)
    if not path.exists():
        return []
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as database:
        rows = database.execute(
            "SELECT payload, acknowledged_ms FROM packs ORDER BY formed_ms, seq"
        ).fetchall()
    database.close()
    return [
        (reading, acknowledged is not None)
        for payload, acknowledged in rows
        for reading in decode_pack(zlib.decompress(payload)).readings
    ]


def values(readings: Sequence[Reading]) -> list[float]:
    return sorted(reading.value for reading in readings)
