"""Each of the ten faults planted for real beside a good installation: it is found, alone, and the cure is said."""

import json
import os
import pwd
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from halong import pki
from halong.__main__ import app
from halong.installation import free_port
from storage.book import SCHEMA_VERSION
from tests.secured import Secured

ROOT = Path(__file__).parents[3]
USER = "nobody"
EDGE = """
gateway = "{gateway}"
site = {{ id = "s", name = "S", latitude = 20.9, longitude = 107.0 }}
journal = {{ path = "{journal}", max_mb = 4 }}
[broker]
url = "{broker}"
root = "{root}"
ca = "{files}/ca.crt"
certificate = "{files}/client.crt"
certificate_key = "{files}/client.key"
[[serial]]
path = "{port}"
protocol = "pms5003"
sensor = "{sensor}"
"""
HUB = """
data = "{data}"
[broker]
url = "{broker}"
root = "{root}"
ca = "{files}/ca.crt"
certificate = "{files}/client.crt"
certificate_key = "{files}/client.key"
[store]
url = "{store}"
[api]
port = {port}
"""


def influx(url: str, path: str, **query: str) -> None:
    """A statement or, with `body`, lines, as anybody could send them."""
    body = query.pop("body", "")
    address = f"{url}/{path}?{urllib.parse.urlencode(query)}"
    request = urllib.request.Request(address, data=body.encode(), method="POST")
    deadline = time.monotonic() + 10
    while True:
        try:
            urllib.request.urlopen(request).close()
        except urllib.error.HTTPError as error:
            if (
                error.code != 404 or time.monotonic() > deadline
            ):  # a database just created may not be known yet
                raise
            time.sleep(0.1)
        else:
            return


class Site:
    """An installation in which all is well: broker with TLS, a gateway, a hub with InfluxDB."""

    def __init__(self, directory: Path, influxd_url: str) -> None:
        self.directory, self.influxd_url = directory, influxd_url
        self.city = Secured(directory, free_port())
        self.city.issue("gw-1")
        self.city.issue("gw-2")
        self.database = f"doctor_{directory.name[-8:].replace('-', '_')}_{os.getpid()}"
        influx(influxd_url, "query", q=f"CREATE DATABASE {self.database}")
        influx(influxd_url, "write", db=self.database, body="pm25,sensor=a,site=s value=1,flags=0i")
        self.serial = directory / "ttyUSB0"
        self.serial.touch()
        self.serial.chmod(0o660)
        self.broker, self.sensor, self.data = self.city.url, "pm-2", directory / "data"
        self.data.mkdir()
        self.extra: list[str] = []
        self.prefix: list[str] = []

    def files(self, name: str) -> Path:
        return self.city.pki / "issued" / name

    def examine(self) -> list[dict[str, Any]]:
        """What the doctor says, as another process, by its JSON."""
        for gateway, sensor in (("gw-1", "pm-1"), ("gw-2", self.sensor)):
            text = EDGE.format(
                gateway=gateway, broker=self.broker, root=self.city.root, files=self.files(gateway),
                journal=self.data / f"{gateway}.db", port=self.serial, sensor=sensor,
            )  # fmt: skip
            (self.directory / f"{gateway}.toml").write_text(text)
        text = HUB.format(
            data=self.data, broker=self.broker, root=self.city.root, files=self.files("hub"),
            store=f"{self.influxd_url}/{self.database}", port=free_port(),
        )  # fmt: skip
        (self.directory / "hub.toml").write_text(text)
        configs = [str(self.directory / name) for name in ("gw-1.toml", "gw-2.toml", "hub.toml")]
        conf = ["--mosquitto", str(self.city.place / "mosquitto.conf")]
        words = ["doctor", *configs, *conf, *self.extra, "--json"]
        if self.prefix:
            environment = {**os.environ, "PYTHONPATH": str(ROOT)}
            command = [*self.prefix, sys.executable, "-m", "halong", *words]
            done = subprocess.run(
                command, capture_output=True, text=True, check=False, env=environment, timeout=100
            )
            code, stdout, stderr = done.returncode, done.stdout, done.stderr
        else:
            ran = CliRunner().invoke(app, words)
            code, stdout, stderr = ran.exit_code, ran.stdout, ran.stderr
        assert stderr == ""
        findings: list[dict[str, Any]] = json.loads(stdout)
        faults = [one for one in findings if one["level"] == "fault"]
        assert code == (1 if faults else 0)
        assert all(bool(one["cure"]) is (one["level"] != "ok") for one in findings)
        return faults


@pytest.fixture
def site(tmp_path: Path, influxd_url: str) -> Iterator[Site]:
    here = Site(tmp_path, influxd_url)
    with here.city.running():
        yield here
    influx(influxd_url, "query", q=f"DROP DATABASE {here.database}")


def one(faults: list[dict[str, Any]]) -> tuple[str, str, str]:
    """The same fault may be seen from several places (two gateways and a hub on one broker): it is one kind."""
    assert len({fault["check"] for fault in faults}) == 1, faults
    return faults[0]["check"], faults[0]["what"], faults[0]["cure"]


def test_a_good_installation_has_no_fault(site: Site) -> None:
    assert site.examine() == []


class _Late(BaseHTTPRequestHandler):
    """A server whose clock is an hour ahead of ours: seen from there, ours is wrong."""

    def date_time_string(self, timestamp: float | None = None) -> str:
        return formatdate((timestamp or time.time()) + 3600, usegmt=True)

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


def test_wrong_clock(site: Site) -> None:
    with HTTPServer(("127.0.0.1", 0), _Late) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        site.extra = ["--reference", f"http://127.0.0.1:{server.server_port}/"]
        check, what, cure = one(site.examine())
        server.shutdown()
    assert check == "clock"
    assert "3600 s behind" in what.replace("3599", "3600").replace("3601", "3600")
    assert "chrony" in cure


def test_full_disk(site: Site) -> None:
    """A file system of its own, in a mount namespace of its own."""
    namespace = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--mount"]
    fill = f'mount -t tmpfs -o size=1m none {site.data} && (head -c 2m /dev/zero > {site.data}/f; true) 2>/dev/null && exec "$@"'
    site.prefix = [*namespace, "sh", "-c", fill, "sh"]
    check, what, cure = one(site.examine())
    assert (check, what.split(":")[0]) == ("disk", "full")
    assert "make room" in cure


def test_unreachable_broker(site: Site) -> None:
    site.broker = f"mqtts://localhost:{free_port()}"
    check, what, cure = one(site.examine())
    assert (check, what) == ("broker", "does not answer")
    assert "systemctl start mosquitto" in cure


def test_persistence_off(site: Site) -> None:
    conf = site.city.place / "mosquitto.conf"
    conf.write_text(conf.read_text().replace("persistence true", "persistence false"))
    check, what, cure = one(site.examine())
    assert check == "broker persistence"
    assert what.startswith("persistence false")
    assert "persistence true" in cure


def test_world_readable_key(site: Site) -> None:
    key = site.files("gw-1") / "client.key"
    key.chmod(0o644)
    check, what, cure = one(site.examine())
    assert (check, what) == (
        "key permissions",
        "mode 644: everybody on this machine can read or change it",
    )
    assert f"chmod 600 {key}" in cure


def test_expired_certificate(site: Site) -> None:
    authority = pki.read_pair(
        (site.city.pki / "ca.crt").read_bytes(), (site.city.pki / "ca.key").read_bytes()
    )
    old = pki.issue(authority, "gw-1", pki.Role.GATEWAY, datetime.now(UTC) - timedelta(days=40), 10)
    (site.files("gw-1") / "client.crt").write_bytes(old.certificate_pem())
    (site.files("gw-1") / "client.key").write_bytes(old.key_pem())
    faults = site.examine()
    (found,) = [fault for fault in faults if fault["check"] == "certificate"]
    assert "expired" in found["what"]
    assert "30 days ago" in found["what"]
    assert found["cure"] == "halong pki issue gw-1 --renew"
    assert {fault["check"] for fault in faults} == {"certificate", "broker"}  # which refuses it


def test_as_a_program_it_says_its_findings_and_nothing_else(site: Site) -> None:
    site.prefix = ["env"]
    site.files("gw-1").joinpath("client.crt").write_bytes(
        site.files("gw-2").joinpath("client.crt").read_bytes()
    )
    faults = site.examine()
    assert {fault["check"] for fault in faults} == {"broker", "certificate"}
    assert any(fault["what"].startswith("it is gw-2's, this gateway is gw-1") for fault in faults)


def test_wrong_database_name(site: Site) -> None:
    right, site.database = site.database, site.database + "x"
    check, what, cure = one(site.examine())
    site.database = right
    assert check == "database name"
    assert f"there is no database {right}x; there are" in what
    assert f"set store.url to …/{right}," in cure


def test_type_conflict(site: Site) -> None:
    influx(site.influxd_url, "write", db=site.database, body="pm10,sensor=x value=1i")
    check, what, cure = one(site.examine())
    assert check == "field types"
    assert what.startswith("pm10.value is integer, the hub writes float")
    assert 'DROP MEASUREMENT "pm10"' in cure


def test_duplicate_sensor_id(site: Site) -> None:
    site.sensor = "pm-1"
    check, what, cure = one(site.examine())
    assert check == "sensor ids"
    assert what.startswith("listed by gw-1 and gw-2")
    assert "an id of its own" in cure


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give the files to another user")
def test_port_without_permission(site: Site) -> None:
    """The service's user may do all but open the port, which is root's."""
    entry = pwd.getpwnam(USER)
    for path in (site.data, *site.city.pki.rglob("*.key")):
        os.chown(path, entry.pw_uid, entry.pw_gid)
    os.chown(site.serial, 0, 0)
    site.extra = ["--user", USER]
    check, what, cure = one(site.examine())
    assert check == "port"
    assert what.startswith("nobody may not read and write it (mode 660, group root)")
    assert "usermod -aG dialout nobody" in cure
    os.chown(site.serial, 0, entry.pw_gid)
    assert site.examine() == []


def test_a_book_of_a_newer_program(site: Site) -> None:
    with sqlite3.connect(site.data / "book.sqlite") as database:
        database.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    database.close()
    check, what, cure = one(site.examine())
    assert check == "schema"
    assert f"book of version {SCHEMA_VERSION + 1}" in what
    assert "newer program" in cure
