"""The authority's directory: its key, all it has issued, what it has revoked. Keys are 0600, the directory 0700.

    ca.crt  ca.key  crl.pem  index.json
    issued/NAME/client.crt  client.key  ca.crt      what is carried to NAME's machine, and nothing else

Every file is replaced whole; the index, which says what was revoked, is written before the list that brokers read.
"""

import json
import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from halong import pki
from halong.pki import Pair, Role


class AuthorityError(Exception):
    """What was asked for cannot be done; the message says what to do."""


class Issued(msgspec.Struct, frozen=True):
    """One certificate. `serial` in hexadecimal; times in RFC 3339."""

    serial: str
    name: str
    role: Role
    not_after: datetime
    revoked: datetime | None = None
    hosts: tuple[str, ...] = ()


class Authority:
    """Opens an existing directory; raises AuthorityError."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        try:
            self._pair = pki.read_pair(
                (directory / "ca.crt").read_bytes(), (directory / "ca.key").read_bytes()
            )
            self._issued = msgspec.json.decode((directory / "index.json").read_bytes(), type=list[Issued])
        except FileNotFoundError as error:
            raise AuthorityError(
                f"there is no authority in {directory} ({error.filename} is missing): `halong pki init` makes one"
            ) from None
        except (OSError, ValueError, msgspec.DecodeError) as error:
            raise AuthorityError(f"cannot read the authority in {directory}: {error}") from None

    @classmethod
    def create(cls, directory: Path, name: str, now: datetime) -> "Authority":
        """A new one; raises AuthorityError when there is one already."""
        if (directory / "ca.key").exists():
            raise AuthorityError(
                f"there is an authority in {directory} already: all certificates would be void with another"
            )
        directory.mkdir(parents=True, exist_ok=True)
        directory.chmod(0o700)
        pair = pki.make_authority(name, now)
        write_secret(directory / "ca.key", pair.key_pem())
        _write(directory / "index.json", b"[]\n", 0o600)
        _write(directory / "crl.pem", pki.revocations(pair, [], now), 0o644)
        _write(directory / "ca.crt", pair.certificate_pem(), 0o644)
        return cls(directory)

    @property
    def certificates(self) -> Sequence[Issued]:
        """All that was ever issued, oldest first."""
        return tuple(self._issued)

    def issue(self, name: str, role: Role, now: datetime, days: int, hosts: Sequence[str] = ()) -> Path:
        """The directory with its three files. One that works already is refused: revoke it first, or see `renew`."""
        if any(one.name == name and one.role is not role for one in self._issued):
            raise AuthorityError(f"{name} has a certificate of another kind: choose another name")
        if any(one.name == name and one.revoked is None and one.not_after > now for one in self._issued):
            raise AuthorityError(
                f"{name} has a certificate that works: `halong pki revoke {name}` first, or --renew to have both until then"
            )
        return self.renew(name, role, now, days, hosts)

    def renew(self, name: str, role: Role, now: datetime, days: int, hosts: Sequence[str] = ()) -> Path:
        """Another certificate for the same name; the earlier ones work until they expire or are revoked."""
        end = self._pair.certificate.not_valid_after_utc
        days = min(days, (end - now).days)
        if days < 1:
            raise AuthorityError(f"the authority itself ends {end.date()}: begin a new one")
        pair = pki.issue(self._pair, name, role, now, days, hosts)
        certificate = pair.certificate
        row = Issued(
            f"{certificate.serial_number:x}",
            name,
            role,
            certificate.not_valid_after_utc,
            hosts=tuple(hosts),
        )
        self._save([*self._issued, row])
        return self._hand_out(name, pair)

    def revoke(self, name: str, now: datetime) -> int:
        """End all certificates of this name; how many worked."""
        rows = [
            msgspec.structs.replace(one, revoked=now) if one.name == name and one.revoked is None else one
            for one in self._issued
        ]
        ended = sum(
            new is not old and old.not_after > now for new, old in zip(rows, self._issued, strict=True)
        )
        self._save(rows)
        gone = [(int(one.serial, 16), one.revoked) for one in rows if one.revoked is not None]
        _write(self.directory / "crl.pem", pki.revocations(self._pair, gone, now), 0o644)
        return ended

    def equip_broker(self, out: Path) -> None:
        """Write what the broker's machine needs: its certificate and key, the authority's certificate, what is revoked."""
        place = self.directory / "issued" / pki.BROKER
        write_secret(out / "broker.key", (place / "client.key").read_bytes())
        for source, name in (
            (place / "client.crt", "broker.crt"),
            (self.directory / "ca.crt", "ca.crt"),
            (self.directory / "crl.pem", "crl.pem"),
        ):
            _write(out / name, source.read_bytes(), 0o644)

    def _hand_out(self, name: str, pair: Pair) -> Path:
        place = self.directory / "issued" / name
        place.mkdir(parents=True, exist_ok=True)
        write_secret(place / "client.key", pair.key_pem())
        _write(place / "client.crt", pair.certificate_pem(), 0o644)
        _write(place / "ca.crt", self._pair.certificate_pem(), 0o644)
        return place

    def _save(self, rows: list[Issued]) -> None:
        content = json.dumps(msgspec.to_builtins(rows), indent=1) + "\n"
        _write(self.directory / "index.json", content.encode(), 0o600)
        self._issued = rows


def write_secret(path: Path, content: bytes) -> None:
    """Replace `path` by a file that only its owner may read, at no moment anybody else."""
    _write(path, content, 0o600)


def _write(path: Path, content: bytes, mode: int) -> None:
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
