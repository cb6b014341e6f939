"""A real mosquitto as `halong pki` sets it up: TLS, a certificate for everybody, an access list."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from uuid import uuid4

from typer.testing import CliRunner

from halong.__main__ import app
from halong.broker import mosquitto_path
from runtime.brokerurl import Access, BrokerUrl
from tests.servers import running


def run(*words: str) -> str:
    """A command that must succeed; what it printed."""
    done = CliRunner().invoke(app, list(words))
    assert done.exit_code == 0, done.output
    return done.output


class Secured:
    """An authority with its broker. `start` runs the broker inside its context."""

    def __init__(self, directory: Path, port: int) -> None:
        self.pki, self.place, self.port = directory / "pki", directory / "broker", port
        self.root = f"t-{uuid4().hex[:8]}"
        run("pki", "init", "--dir", str(self.pki), "--host", "127.0.0.1", "--host", "localhost")

    def issue(self, name: str) -> Access:
        """A certificate for `name`; where its files are."""
        run("pki", "issue", name, "--dir", str(self.pki))
        return self.access(name)

    def access(self, name: str) -> Access:
        """Where the files of `name` are."""
        place = self.pki / "issued" / name
        return Access(
            ca=str(place / "ca.crt"),
            certificate=str(place / "client.crt"),
            certificate_key=str(place / "client.key"),
        )

    @property
    def url(self) -> str:
        """The broker's address."""
        return f"mqtts://localhost:{self.port}"

    def address(self, name: str) -> BrokerUrl:
        """The broker, opened by the certificate of `name`."""
        return self.access(name).address(self.url)

    def configure(self) -> None:
        """Write the broker's files anew, with what is revoked by now."""
        run(
            *("pki", "mosquitto", "--dir", str(self.pki), "--out", str(self.place)),
            *("--port", str(self.port), "--root", self.root, "--persistence", str(self.place)),
        )
        with (self.place / "mosquitto.conf").open("a") as file:
            file.write("user root\n")  # else it gives up root before it reads a directory of ours

    @contextmanager
    def running(self) -> Iterator[None]:
        """The broker answers inside."""
        self.configure()
        command = [mosquitto_path(), "-c", str(self.place / "mosquitto.conf")]
        with running("mosquitto", command, self.place, lambda: _speaks_tls(self.port)):
            yield


def _speaks_tls(port: int) -> bool:
    try:
        return bool(ssl.get_server_certificate(("127.0.0.1", port), timeout=1))
    except OSError:
        return False


def rng() -> Random:
    """Dice for a link."""
    return Random(1)
