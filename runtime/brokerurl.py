"""A broker's address, and how a client shows who it is: TLS by files in PEM, a password from a file or the environment.

Files are read anew for every connection: a renewed certificate or password needs no restart. Neither passwords nor keys
are ever part of an address, because addresses are logged and stand in `ps`.
"""

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, Self
from urllib.parse import unquote, urlsplit

import msgspec

PASSWORD_VARIABLE = "HALONG_BROKER_PASSWORD"
CA_VARIABLE = "HALONG_BROKER_CA"
CERTIFICATE_VARIABLE = "HALONG_BROKER_CERTIFICATE"
KEY_VARIABLE = "HALONG_BROKER_KEY"
PORTS = {"mqtt": 1883, "mqtts": 8883}


class Access(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Files that open a broker, "" for none. `ca` "": the authorities that this machine trusts."""

    ca: str = ""
    certificate: str = ""
    certificate_key: str = ""
    password_file: str = ""

    def files(self) -> dict[str, str]:
        """Those that are named, by their keys."""
        named = {name: getattr(self, name) for name in Access.__struct_fields__}
        return {name: path for name, path in named.items() if path}

    def located_in(self, directory: Path) -> Self:
        """The same with paths taken relative to `directory`."""
        return msgspec.structs.replace(
            self, **{name: str(directory / path) for name, path in self.files().items()}
        )

    def address(self, url: str, environment: Mapping[str, str] | None = None) -> "BrokerUrl":
        """The broker at `url`, opened by these files; raises ValueError with one clear line."""
        return BrokerUrl.parse(url, Access(**self.files()), environment)


NO_ACCESS = Access()


class BrokerUrl(NamedTuple):
    """`mqtt://[user@]host[:port]` taken apart; `mqtts://` is TLS."""

    host: str
    port: int
    username: str | None = None
    password: str | None = None
    tls: bool = False
    access: Access = NO_ACCESS

    @classmethod
    def parse(
        cls, url: str, access: Access = NO_ACCESS, environment: Mapping[str, str] | None = None
    ) -> "BrokerUrl":
        """Opens nothing. `environment` may hold the password. Raises ValueError with one clear line."""
        parts = urlsplit(url)
        shown = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
        if parts.scheme not in PORTS or not parts.hostname:
            raise ValueError(f"broker {shown!r} must look like mqtt://host:1883 or mqtts://host:8883")
        if parts.password is not None:
            raise ValueError(
                f"broker {shown!r}: an address holds no password, it would be seen in logs and in ps:"
                f" leave it out and use password_file, or the variable {PASSWORD_VARIABLE}"
            )
        try:
            port = parts.port or PORTS[parts.scheme]
        except ValueError as error:
            raise ValueError(f"broker {shown!r}: {error}") from None
        tls = parts.scheme == "mqtts"
        _check(shown, tls, parts.username, access)
        return cls(
            parts.hostname,
            port,
            unquote(parts.username) if parts.username else None,
            (environment or {}).get(PASSWORD_VARIABLE) or None,
            tls,
            access,
        )

    @classmethod
    def of_command(cls, url: str, environment: Mapping[str, str]) -> "BrokerUrl":
        """For commands that are given only an address: the files' names come from the environment, too."""
        access = Access(
            ca=environment.get(CA_VARIABLE, ""),
            certificate=environment.get(CERTIFICATE_VARIABLE, ""),
            certificate_key=environment.get(KEY_VARIABLE, ""),
        )
        return cls.parse(url, access if url.startswith("mqtts:") else NO_ACCESS, environment)

    def __repr__(self) -> str:
        """Without the password: what is logged by mistake tells nothing."""
        name = f"{self.username}@" if self.username else ""
        return f"{'mqtts' if self.tls else 'mqtt'}://{name}{self.host}:{self.port} {self.access}"

    def secret(self) -> str | None:
        """The password: that of the file when there is one. Raises OSError."""
        if not self.access.password_file:
            return self.password
        return Path(self.access.password_file).read_text(encoding="utf-8").rstrip("\r\n")

    def context(self) -> ssl.SSLContext | None:
        """What TLS needs, with the broker's name checked against its certificate; None without. Raises OSError."""
        if not self.tls:
            return None
        access = self.access
        try:
            context = ssl.create_default_context(cafile=access.ca or None)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            if access.certificate:
                context.load_cert_chain(access.certificate, access.certificate_key)
        except OSError as error:
            why = error.strerror or str(error)
            files = ", ".join(filter(None, (access.ca, access.certificate, access.certificate_key)))
            raise OSError(f"{why} (one of {files})") from error
        return context


def _check(shown: str, tls: bool, username: str | None, access: Access) -> None:
    if bool(access.certificate) is not bool(access.certificate_key):
        raise ValueError(f"broker {shown!r}: certificate and certificate_key go together")
    if not tls and (access.ca or access.certificate):
        raise ValueError(
            f"broker {shown!r}: ca and certificate are for mqtts://, this address is not encrypted"
        )
    if access.password_file and not username:
        raise ValueError(f"broker {shown!r}: a password needs a name, like mqtts://name@host")
