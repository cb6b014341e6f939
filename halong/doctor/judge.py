"""What figures mean: clocks, disks, certificates, a mosquitto's configuration, field types, names. Pure."""

import difflib
import stat
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from halong.doctor.finding import Finding, fault, good, warning

CLOCK_FAULT_S = 5.0
DISK_FAULT_MB, DISK_WARNING_SHARE = 64, 0.05
SOON = timedelta(days=30)
INFLUX_LEAST, LEAST_PYTHON = (1, 6), (3, 11)
FIELD_TYPES = {"value": "float", "flags": "integer", "late_s": "integer"}


class Account(NamedTuple):
    """Who the service runs as."""

    name: str
    uid: int
    gids: frozenset[int]


class File(NamedTuple):
    """Of stat(2)."""

    mode: int
    uid: int
    gid: int


class Programs(NamedTuple):
    """What is here: version of Python, paths of servers, names of brokers that are Python packages."""

    python: tuple[int, ...]
    mosquitto: str | None
    influxd: str | None
    embedded: Sequence[str]


def programs(here: Programs) -> list[Finding]:
    """What a hub or an agent can run with. One broker is enough, and InfluxDB may be elsewhere."""
    check, version = "programs", ".".join(map(str, here.python))
    return [
        good(check, "python", version)
        if here.python >= LEAST_PYTHON
        else fault(check, "python", version, "install Python 3.11 or newer: apt install python3"),
        good(check, "mosquitto", here.mosquitto or "not here; optional: apt install mosquitto"),
        good(check, "embedded broker", ", ".join(here.embedded) or "none")
        if here.embedded or here.mosquitto
        else fault(check, "embedded broker", "no broker at all is here", "apt install mosquitto"),
        good(check, "influxd", here.influxd or "not here; optional: apt install influxdb"),
    ]


def allows(file: File, account: Account, wanted: int) -> bool:
    """Whether the account may use the file; `wanted` as the last digit of a mode: 4 read, 2 write, 1 enter."""
    if account.uid == 0:
        return True
    if account.uid == file.uid:
        granted = file.mode >> 6
    elif file.gid in account.gids:
        granted = file.mode >> 3
    else:
        granted = file.mode
    return granted & 7 & wanted == wanted


def clock(where: str, ahead_s: float, slack_s: float) -> Finding:
    """This machine against another's clock, which is known to `slack_s`."""
    if abs(ahead_s) <= CLOCK_FAULT_S + slack_s:
        return good("clock", where, f"agrees with this machine's clock to {abs(ahead_s) + slack_s:.0f} s")
    side = "ahead of" if ahead_s > 0 else "behind"
    return fault(
        "clock",
        where,
        f"this machine's clock is {abs(ahead_s):.0f} s {side} it",
        "find out which is wrong (`timedatectl`), then let NTP keep it: apt install chrony",
    )


def disk(where: str, free_mb: float, total_mb: float, wanted_mb: float, what: str) -> Finding:
    """Room on the file system; `wanted_mb` is what `what` may still grow by."""
    figures = f"{free_mb:,.0f} of {total_mb:,.0f} MB free"
    if free_mb < DISK_FAULT_MB:
        return fault(
            "disk",
            where,
            f"full: {figures}",
            "make room (`du -xh --max-depth=2 / | sort -h`), or put the data on a larger disk: collecting waits until then",
        )
    if free_mb < wanted_mb or free_mb < DISK_WARNING_SHARE * total_mb:
        need = f", {what} may grow by {wanted_mb:,.0f} MB" if wanted_mb else ""
        return warning(
            "disk", where, f"{figures}{need}", "make room, or let less be kept (max_mb, keep_days)"
        )
    return good("disk", where, figures)


def secret(where: str, file: File, account: Account) -> Finding:
    """A key or a password: for its service alone."""
    mode = stat.S_IMODE(file.mode)
    if mode & 0o077:
        who = "everybody" if mode & 0o007 else "its group"
        return fault(
            "key permissions",
            where,
            f"mode {mode:03o}: {who} on this machine can read or change it",
            f"chmod 600 {where} && chown {account.name} {where}; was somebody else on the machine, issue a new one",
        )
    if not allows(file, account, 4):
        return fault(
            "key permissions",
            where,
            f"{account.name} cannot read it",
            f"chown {account.name} {where}",
        )
    return good("key permissions", where, f"mode {mode:03o}, readable by {account.name}")


def certificate(where: str, begins: datetime, ends: datetime, now: datetime, cure: str) -> Finding:
    """Its age."""
    if now < begins:
        return fault(
            "certificate",
            where,
            f"works only from {begins:%Y-%m-%d %H:%M} UTC, here it is {now:%Y-%m-%d %H:%M}",
            "set this machine's clock; if the clock is right, issue the certificate again on a machine whose clock is right",
        )
    if now >= ends:
        return fault("certificate", where, f"expired {ends:%Y-%m-%d}, {(now - ends).days} days ago", cure)
    left = (ends - now).days
    if ends - now < SOON:
        return warning("certificate", where, f"ends {ends:%Y-%m-%d}, in {left} days", cure)
    return good("certificate", where, f"until {ends:%Y-%m-%d}, {left} days")


def persistence(where: str, lines: Iterable[str]) -> Finding:
    """A mosquitto's configuration, its included files in place (mosquitto.conf(5)): is what it retains kept?"""
    settings: dict[str, str] = {}
    for line in lines:
        key, _, value = line.strip().partition(" ")
        settings[key] = value.strip()
    if settings.get("persistence") != "true":
        said = "persistence false" if "persistence" in settings else "no persistence, which is off by default"
        return fault(
            "broker persistence",
            where,
            f"{said}: at a restart it forgets which gateways there are until each connects again",
            "write `persistence true` and `persistence_location /var/lib/mosquitto/`, restart mosquitto",
        )
    return good(
        "broker persistence", where, f"on, in {settings.get('persistence_location', 'its own place')}"
    )


def database(where: str, wanted: str, known: Sequence[str]) -> Finding:
    """Is the database there?"""
    if wanted in known:
        return good("database name", where, f"{wanted} is there")
    others = [name for name in known if not name.startswith("_")]
    if not others:
        return warning(
            "database name", where, f"{wanted} is not there yet", "nothing, if this is new: the hub makes it"
        )
    near = difflib.get_close_matches(wanted, others, n=1)
    meant = f"set store.url to …/{near[0]}" if near else "correct store.url"
    return fault(
        "database name",
        where,
        f"there is no database {wanted}; there are {', '.join(others)}",
        f"{meant}, or make it: CREATE DATABASE {wanted}",
    )


def influx_version(where: str, version: str) -> Finding:
    """Is it new enough?"""
    numbers = tuple(int(part) for part in version.lstrip("v").split(".")[:2] if part.isdigit())
    if len(numbers) == 2 and numbers < INFLUX_LEAST:
        return fault("database version", where, f"InfluxDB {version}", "install InfluxDB 1.6 or newer")
    return good("database version", where, f"InfluxDB {version}")


def field_types(
    where: str, database: str, fields: Iterable[tuple[str, str, str]], quantities: Mapping[str, object]
) -> Iterator[Finding]:
    """Rows of SHOW FIELD KEYS: (measurement, field, type). One finding a conflict, or one that all is well."""
    found = False
    for measurement, field, kind in fields:
        wanted = FIELD_TYPES.get(field)
        if measurement not in quantities or wanted in (None, kind):
            continue
        found = True
        yield fault(
            "field types",
            where,
            f"{measurement}.{field} is {kind}, the hub writes {wanted}: its points are refused and end in quarantine",
            f"find who else writes {measurement} into {database}; then copy what is wanted, "
            f'DROP MEASUREMENT "{measurement}", and `halong quarantine replay`',
        )
    if not found:
        yield good("field types", where, "no conflict")


def duplicates(listed: Iterable[tuple[str, str]]) -> list[Finding]:
    """(sensor, who lists it): a sensor has one owner."""
    owners: dict[str, list[str]] = defaultdict(list)
    for sensor, owner in listed:
        owners[sensor].append(owner)
    return [
        fault(
            "sensor ids",
            sensor,
            f"listed by {' and '.join(names)}: the first one keeps it, what the others send is quarantined",
            "give each sensor an id of its own; a replaced device keeps the id, its old gateway must drop it",
        )
        for sensor, names in sorted(owners.items())
        if len(names) > 1
    ]


def port(where: str, file: File | None, account: Account, groups: Mapping[int, str]) -> Finding:
    """A serial port; None: nothing is there."""
    if file is None:
        return fault(
            "port",
            where,
            "nothing is there",
            "plug it in, or correct the path (`halong edge scan`, ls -l /dev/serial/by-id)",
        )
    if not allows(file, account, 6):
        group = groups.get(file.gid, str(file.gid))
        mode = stat.S_IMODE(file.mode)
        cure = (
            f"usermod -aG {group} {account.name}, then restart the agent"
            if mode & 0o060 == 0o060 and file.gid != 0
            else f"chgrp dialout {where} && chmod 660 {where} (by a udev rule, to last), and usermod -aG dialout {account.name}"
        )
        return fault(
            "port", where, f"{account.name} may not read and write it (mode {mode:03o}, group {group})", cure
        )
    return good("port", where, f"{account.name} may use it")


def schema(where: str, what: str, found: int, known: int) -> Finding:
    """A file's schema version."""
    if found > known:
        return fault(
            "schema",
            where,
            f"{what} of version {found}, this program knows {known}",
            "install the newer program again, or restore the backup that was made before the upgrade",
        )
    return good("schema", where, f"{what} of version {found}, this program writes {known}")
