"""The authority: keys nobody else can read, one working certificate a name, and what is revoked stays so."""

import json
import os
import stat
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID
from typer.testing import CliRunner

from halong import pki
from halong.__main__ import app
from halong.authority import Authority, AuthorityError
from halong.mosquitto import access_list

NOW = datetime(2026, 11, 24, tzinfo=UTC)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority.create(tmp_path / "pki", "Test", NOW)


def test_keys_are_readable_only_by_their_owner_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        made = Authority.create(tmp_path / "pki", "Test", NOW)
        made.issue("gw-a", pki.Role.GATEWAY, NOW, 10)
    finally:
        os.umask(before)
    keys = sorted(tmp_path.rglob("*.key"))
    assert [key.name for key in keys] == ["ca.key", "client.key"]
    assert {stat.S_IMODE(key.stat().st_mode) for key in keys} == {0o600}
    assert stat.S_IMODE((tmp_path / "pki").stat().st_mode) == 0o700


def test_openssl_agrees(authority: Authority, tmp_path: Path) -> None:
    """Somebody else's eyes: chain, purpose, names, and the list of what is revoked."""
    place = tmp_path / "pki"
    now = datetime.now(UTC)
    authority.issue("broker", pki.Role.BROKER, now, 10, ["broker.example", "10.0.0.2"])
    authority.issue("gw-a", pki.Role.GATEWAY, now, 10)
    authority.issue("gw-b", pki.Role.GATEWAY, now, 10)
    authority.revoke("gw-b", now)

    def verify(name: str, *options: str) -> str:
        certificate = place / "issued" / name / "client.crt"
        done = subprocess.run(
            ["openssl", "verify", "-x509_strict", "-CAfile", place / "ca.crt", "-CRLfile", place / "crl.pem", "-crl_check",
             *options, certificate],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        return done.stdout + done.stderr

    assert verify("gw-a", "-purpose", "sslclient").endswith("OK\n")
    assert verify("broker", "-purpose", "sslserver", "-verify_hostname", "broker.example").endswith("OK\n")
    assert verify("broker", "-purpose", "sslserver", "-verify_ip", "10.0.0.2").endswith("OK\n")
    assert "hostname mismatch" in verify("broker", "-verify_hostname", "other.example").lower()
    assert "purpose" in verify("gw-a", "-purpose", "sslserver")
    assert "purpose" in verify("broker", "-purpose", "sslclient")
    assert "certificate revoked" in verify("gw-b", "-purpose", "sslclient")


def test_the_name_in_a_certificate_is_the_gateways_id(authority: Authority) -> None:
    place = authority.issue("gw-a", pki.Role.GATEWAY, NOW, 10)
    certificate = x509.load_pem_x509_certificate((place / "client.crt").read_bytes())
    (name,) = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    assert name.value == "gw-a"
    assert certificate.not_valid_after_utc == NOW + timedelta(days=10)
    assert certificate.not_valid_before_utc < NOW
    assert sorted(path.name for path in place.iterdir()) == ["ca.crt", "client.crt", "client.key"]


def test_a_second_one_needs_a_word_and_revoking_ends_both(authority: Authority) -> None:
    authority.issue("gw-a", pki.Role.GATEWAY, NOW, 10)
    with pytest.raises(AuthorityError, match="has a certificate that works"):
        authority.issue("gw-a", pki.Role.GATEWAY, NOW, 10)
    authority.renew("gw-a", pki.Role.GATEWAY, NOW, 10)
    assert authority.revoke("gw-a", NOW) == 2
    assert authority.revoke("gw-a", NOW) == 0
    authority.issue("gw-a", pki.Role.GATEWAY, NOW, 10)
    listed = x509.load_pem_x509_crl((authority.directory / "crl.pem").read_bytes())
    serials = [int(one.serial, 16) for one in authority.certificates]
    assert [listed.get_revoked_certificate_by_serial_number(one) is not None for one in serials] == [
        True,
        True,
        False,
    ]
    assert Authority(authority.directory).certificates == authority.certificates


def test_no_certificate_outlives_its_authority(authority: Authority) -> None:
    end = NOW + timedelta(days=pki.AUTHORITY_DAYS)
    place = authority.issue("gw-a", pki.Role.GATEWAY, end - timedelta(days=5), 100)
    assert x509.load_pem_x509_certificate((place / "client.crt").read_bytes()).not_valid_after_utc <= end
    with pytest.raises(AuthorityError, match="begin a new one"):
        authority.issue("gw-b", pki.Role.GATEWAY, end, 100)


def test_the_access_list_is_what_the_docs_say() -> None:
    text = access_list("r/v1", ["street/#"])
    assert "user hub\ntopic read r/v1/up/#\n" in text
    assert text.endswith("pattern read r/v1/ingest/+\npattern read street/#\n")
    assert [line for line in text.splitlines() if "write" in line and line.startswith("pattern")] == [
        "pattern readwrite r/v1/up/+/%u/#",
        "pattern write r/v1/birth/%u",
        "pattern write r/v1/state/%u",
    ]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("issue", "gw-a"), "`halong pki init` makes one"),
        (("issue", "Gateway 1"), "must be 1-64 characters"),
        (("revoke", "gw-a"), "`halong pki init` makes one"),
        (("list",), "`halong pki init` makes one"),
        (("mosquitto", "--out", "x"), "`halong pki init` makes one"),
    ],
)
def test_mistakes_are_one_line(words: tuple[str, ...], said: str, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["pki", *words, "--dir", str(tmp_path / "none")])
    assert done.exit_code in (1, 2)
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_the_command_line_from_init_to_list(tmp_path: Path) -> None:
    def run(*words: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, ["pki", *words, "--dir", str(tmp_path / "pki")])
        return done.exit_code, done.output

    assert run("init", "--host", "b.example")[0] == 0
    assert run("init", "--host", "b.example") == (
        1,
        f"halong: there is an authority in {tmp_path / 'pki'} already: all certificates would be void with another\n",
    )
    assert run("issue", "gw-a") == (0, f"{tmp_path / 'pki' / 'issued' / 'gw-a'}\n")
    assert run("issue", "broker", "--renew")[0] == 0
    assert run("revoke", "gw-x")[0] == 1
    assert run("revoke", "gw-a")[0] == 0
    rows = json.loads(run("list", "--json")[1])
    assert [(row["name"], row["state"].split()[0]) for row in rows] == [
        ("broker", "until"),
        ("hub", "until"),
        ("operator", "until"),
        ("gw-a", "revoked"),
        ("broker", "until"),
    ]
    assert rows[-1]["hosts"] == ["b.example"]
