"""MQTT topics below the installation's root (default `halong/v1`). No topic holds '.', ' ', '+' or '#' in a level."""

import re
import zlib
from typing import NamedTuple

DEFAULT_ROOT = "halong/v1"
PARTITIONS = 64
_UP = re.compile(
    r"up/([0-3][0-9a-f])/([a-z0-9][a-z0-9-]{0,63})/([0-9a-f]{4,32})/(0|[1-9][0-9]{0,17})(?:/([0-9a-f]{8}))?"
)


class PackName(NamedTuple):
    """The name a pack is born with: `journal` is new at every agent start (hex), `seq` counts from 0 in it."""

    gateway: str
    journal: str
    seq: int


class UpTopic(NamedTuple):
    """What a pack's topic says; `checksum` is None where its sender gave none."""

    partition: str
    name: PackName
    checksum: str | None


def partition(site: str) -> str:
    """Two hex digits, crc32(site) mod 64: neighbours of a site meet in one ingest worker."""
    return f"{zlib.crc32(site.encode()) % PARTITIONS:02x}"


def checksum(name: PackName, payload: bytes) -> str:
    """Eight hex digits that guard a pack on its way: CRC-32 (zlib) of `<gateway>/<journal>/<seq>` and its payload."""
    return f"{zlib.crc32(payload, zlib.crc32('/'.join(map(str, name)).encode())):08x}"


def up(root: str, site: str, name: PackName, payload: bytes | None = None) -> str:
    """Topic of one pack: `up/<pp>/<gateway>/<journal>/<seq>`, with its checksum behind it when `payload` is given."""
    topic = f"{root}/up/{partition(site)}/{name.gateway}/{name.journal}/{name.seq}"
    return topic if payload is None else f"{topic}/{checksum(name, payload)}"


def parse_up(root: str, topic: str) -> UpTopic | None:
    """What the topic of a pack says; None when it is not one."""
    if not topic.startswith(root + "/"):
        return None
    match = _UP.fullmatch(topic[len(root) + 1 :])
    if match is None:
        return None
    pp, gateway, journal, seq, given = match.groups()
    return UpTopic(pp, PackName(gateway, journal, int(seq)), given)


def gateway_of(root: str, branch: str, topic: str) -> str | None:
    """The gateway in `<root>/<branch>/<gateway>` (branch: birth, state, ack, do); None when it is not such a topic."""
    prefix = f"{root}/{branch}/"
    rest = topic[len(prefix) :]
    return rest if topic.startswith(prefix) and rest and "/" not in rest else None


def ack(root: str, gateway: str) -> str:
    """Hub to gateway: what is stored, the hub's time, the credit. Not retained."""
    return f"{root}/ack/{gateway}"


def birth(root: str, gateway: str) -> str:
    """Gateway to hub, retained: its site and sensors."""
    return f"{root}/birth/{gateway}"


def state(root: str, gateway: str) -> str:
    """Gateway to hub, retained and the gateway's will: alive or not, with its counters."""
    return f"{root}/state/{gateway}"


def ingest(root: str, pp: str = "all") -> str:
    """Ingest to gateways, retained and ingest's will: its epoch. `pp` is a partition, or `all` for a lone worker."""
    return f"{root}/ingest/{pp}"


def do(root: str, gateway: str) -> str:
    """Commands to a gateway. Not retained."""
    return f"{root}/do/{gateway}"


def alarm(root: str, sensor: str) -> str:
    """Anomalies and alarms out."""
    return f"{root}/alarm/{sensor}"
