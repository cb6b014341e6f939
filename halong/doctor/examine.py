"""Through a configuration, thing by thing. Nothing is changed, nobody's connection is taken."""

import os
import sqlite3
import ssl
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from edge import journalfile
from edge.hostclock import LinuxHost
from edge.settings import EdgeConfig, Trust
from halong import pki
from halong.doctor import judge, look
from halong.doctor.finding import Finding, fault, good, warning
from halong.doctor.judge import Account
from halong.hub import HubConfig, store_url
from runtime.brokerurl import Access, BrokerUrl
from storage import book
from storage.influx_http import InfluxUrl, QueryRefusedError
from storage.inventory import Inventory
from storage.store import StoreUnavailableError
from telemetry.quantities import QUANTITIES

LOCAL = ("localhost", "127.0.0.1", "::1")


class Installation(NamedTuple):
    """What is looked at. `mosquitto`: its configuration; `references`: HTTP servers whose clock is right."""

    edges: Sequence[tuple[Path, EdgeConfig]]
    hubs: Sequence[tuple[Path, HubConfig]]
    account: Account
    mosquitto: Path | None
    references: Sequence[str]


async def examine(installation: Installation) -> list[Finding]:
    """All findings, in the order of the configurations."""
    found = list(_clocks(installation))
    for _, edge in installation.edges:
        found += _edge(edge, installation.account)
        found += await _broker(edge.broker.address(edge.broker.url, os.environ))
        found += _access(edge.broker, installation.account, f"halong pki issue {edge.gateway} --renew")
        found += _named(edge.broker, edge.gateway)
    for _, hub in installation.hubs:
        found += _hub(hub, installation.account)
        found += await _broker(hub.broker.address(hub.broker.url, os.environ))
        found += _access(hub.broker, installation.account, "halong pki issue hub --renew")
        found += await _store(hub)
    if installation.mosquitto is not None:
        found += _mosquitto(installation.mosquitto)
    listed = [(sensor.id, edge.gateway) for _, edge in installation.edges for sensor in edge.sensors()]
    twice = judge.duplicates(listed)
    if listed and not twice:
        twice = [
            good(
                "sensor ids", f"{len(installation.edges)} configurations", f"{len(listed)} sensors, each once"
            )
        ]
    return list(dict.fromkeys([*found, *twice]))


def _clocks(installation: Installation) -> Iterator[Finding]:
    stores = [hub.store.url for _, hub in installation.hubs if hub.store.url.startswith("http")]
    for url in [*installation.references, *(InfluxUrl.parse(one).base + "/ping" for one in stores)]:
        try:
            answer = look.ask_http(url)
        except OSError as error:
            yield warning("clock", url, f"does not answer ({error})", "name another with --reference")
            continue
        if answer.ahead_s is not None:
            yield judge.clock(url, answer.ahead_s, answer.slack_s)
        if answer.influx_version:
            yield judge.influx_version(url, answer.influx_version)
    trusted = all(edge.clock.trust is Trust.LADDER for _, edge in installation.edges) and installation.edges
    if LinuxHost().synchronised():
        yield good("clock", "this machine", "NTP keeps it")
    elif not trusted or installation.hubs:
        yield warning(
            "clock",
            "this machine",
            "the kernel does not say that NTP keeps it",
            "apt install chrony (or systemd-timesyncd), and allow UDP 123; a gateway may have a GNSS receiver instead",
        )


def _edge(config: EdgeConfig, account: Account) -> Iterator[Finding]:
    groups = look.groups()
    for path in dict.fromkeys(
        [device.path for device in config.serial] + [bus.path for bus in config.modbus]
    ):
        yield judge.port(path, look.file(Path(path)), account, groups)
    journal = Path(config.journal.path)
    free, total = look.room_mb(journal.parent)
    grows = max(0.0, config.journal.max_mb - look.size_mb(journal))
    yield judge.disk(str(journal.parent), free, total, grows, "the journal")
    yield from _directory(journal.parent, account)
    if journal.exists():
        yield _schema(journal, "journal", journalfile.SCHEMA_VERSION)


def _hub(config: HubConfig, account: Account) -> Iterator[Finding]:
    data = Path(config.data)
    yield judge.disk(str(data), *look.room_mb(data), 0.0, "the data")
    yield from _directory(data, account)
    if (data / "book.sqlite").exists():
        yield _schema(data / "book.sqlite", "book", book.SCHEMA_VERSION)
        yield from _claims(data / "book.sqlite")
    host, port = config.api.host, config.api.port
    where = f"{host}:{port}"
    if 0 < port < look.least_free_port() and account.uid != 0:
        yield fault(
            "api port",
            where,
            f"{account.name} may not listen below {look.least_free_port()}",
            "take another port (8080) behind a proxy, or AmbientCapabilities=CAP_NET_BIND_SERVICE in the unit",
        )
    elif port and look.listens("127.0.0.1" if host == "0.0.0.0" else host, port):
        try:
            look.ask_http(f"{config.api.url}/healthz")
            yield good("api port", where, "something answers HTTP there: the hub, when it runs")
        except OSError as error:
            yield fault(
                "api port", where, f"taken by something else ({error})", "stop it, or set another api.port"
            )
    else:
        yield good("api port", where, "free, the hub does not run")
    tls = Access(certificate=config.api.certificate, certificate_key=config.api.certificate_key)
    yield from _access(tls, account, "renew it where it came from, then restart the hub")


def _directory(path: Path, account: Account) -> Iterator[Finding]:
    found = look.file(path)
    if found is None:
        yield warning(
            "directory",
            str(path),
            "is not there yet",
            f"install -d -o {account.name} {path}, if it is not made at start",
        )
    elif not judge.allows(found, account, 7):
        yield fault(
            "directory", str(path), f"{account.name} may not write there", f"chown {account.name} {path}"
        )


def _schema(path: Path, what: str, known: int) -> Finding:
    try:
        return judge.schema(str(path), what, look.schema_version(path), known)
    except ValueError as error:
        return fault(
            "schema",
            str(path),
            str(error),
            "restore it (docs/backup.md), or give the service's user the file",
        )


def _claims(path: Path) -> Iterator[Finding]:
    """What gateways have claimed twice since, as the hub's book has it."""
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            claims = Inventory(database).claims()
    except sqlite3.Error:
        return  # told by its schema
    yield from judge.duplicates(
        (sensor, gateway) for sensor, (owner, _, others) in claims.items() for gateway in (owner, *others)
    )


def _access(access: Access, account: Account, renewal: str) -> Iterator[Finding]:
    """Certificates and secrets that a configuration names."""
    for name, path in access.files().items():
        found = look.file(Path(path))
        if found is None:
            yield fault("certificate", path, "is not there", f"copy it there, or correct {name}; {renewal}")
            continue
        if name in ("certificate_key", "password_file"):
            yield judge.secret(path, found, account)
            continue
        try:
            read = pki.read_certificate(Path(path).read_bytes())
        except (OSError, ValueError) as error:
            yield fault("certificate", path, f"cannot be read: {error}", renewal)
            continue
        cure = "the authority has ended: begin a new one (`halong pki init`)" if name == "ca" else renewal
        yield judge.certificate(path, read.begins, read.ends, look.now(), cure)


def _named(access: Access, gateway: str) -> Iterator[Finding]:
    try:
        name = (
            pki.read_certificate(Path(access.certificate).read_bytes()).name
            if access.certificate
            else gateway
        )
    except (OSError, ValueError):
        return  # told above
    if name != gateway:
        yield fault(
            "certificate",
            access.certificate,
            f"it is {name}'s, this gateway is {gateway}: the broker takes none of its packs",
            f"halong pki issue {gateway}, and copy its three files here",
        )


async def _broker(url: BrokerUrl) -> list[Finding]:
    where = f"{url.host}:{url.port}"
    if not look.listens(url.host, url.port):
        here = (
            "start it (systemctl start mosquitto)"
            if url.host in LOCAL
            else "look at the way there (ping, firewall)"
        )
        return [fault("broker", where, "does not answer", f"{here}, or correct broker.url")]
    found = []
    if url.tls:
        try:
            read = pki.read_certificate(look.broker_certificate(url))
        except ssl.SSLCertVerificationError as error:
            cure = "halong pki issue broker --renew, halong pki mosquitto, restart it; or correct broker.url and broker.ca"
            return [fault("certificate", where, f"not believed: {error.verify_message}", cure)]
        except (OSError, ValueError) as error:
            return [
                fault(
                    "broker",
                    where,
                    f"no TLS there: {error}",
                    "mqtt:// for a port without TLS; correct broker.url",
                )
            ]
        found.append(
            judge.certificate(where, read.begins, read.ends, look.now(), "halong pki issue broker --renew")
        )
    if await look.broker_lets_in(url):
        return [*found, good("broker", where, "lets us in")]
    cure = (
        "is the certificate revoked (`halong pki list`), the name or the password wrong? See the broker's log"
    )
    return [*found, fault("broker", where, "answers, and lets us not in", cure)]


def _mosquitto(path: Path) -> Iterator[Finding]:
    try:
        yield judge.persistence(str(path), look.mosquitto_lines(path))
    except OSError as error:
        yield warning(
            "broker persistence",
            str(path),
            f"cannot be read: {error.strerror}",
            "name its configuration with --mosquitto",
        )


async def _store(config: HubConfig) -> list[Finding]:
    address = store_url(config, Path(config.data), os.environ)
    if not address.startswith("http"):
        return []
    url = InfluxUrl.parse(address)
    where = f"{url.base}/{url.database}"
    try:
        server = await look.influx(url)
    except (StoreUnavailableError, QueryRefusedError) as error:
        host = urlsplit(url.base).hostname
        cure = f"start it on {host}; is HALONG_STORE_SECRET set, and right? docs/influxdb.md"
        return [fault("database", where, str(error), cure)]
    return [
        good("database", url.base, "answers"),
        judge.database(where, url.database, server.databases),
        *judge.field_types(where, url.database, server.fields, QUANTITIES),
    ]
