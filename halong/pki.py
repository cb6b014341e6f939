"""Certificates of one installation (X.509, RFC 5280): a small authority, its broker, its gateways, what it has revoked.

Elliptic keys (P-256), understood by every OpenSSL. The name in a gateway's certificate is the gateway's id: mosquitto
takes it as the user, and the access list follows from it (halong.mosquitto).
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from ipaddress import ip_address
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

HUB, OPERATOR, BROKER = "hub", "operator", "broker"
AUTHORITY_DAYS = 3650
BACKDATED = timedelta(hours=1)  # a gateway whose clock is a little behind must not refuse its broker


class Role(StrEnum):
    """What a certificate opens."""

    BROKER = "broker"  # it is a server
    HUB = "hub"  # reads all gateways, answers them
    OPERATOR = "operator"  # commands to gateways
    GATEWAY = "gateway"  # its own topics, nothing else


class Pair(NamedTuple):
    """A certificate and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    def certificate_pem(self) -> bytes:
        """As files hold it."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def key_pem(self) -> bytes:
        """Not encrypted: a service must start without a person."""
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )


def read_pair(certificate: bytes, key: bytes) -> Pair:
    """From PEM; raises ValueError."""
    found = serialization.load_pem_private_key(key, None)
    if not isinstance(found, ec.EllipticCurvePrivateKey):
        raise ValueError("the key is not an elliptic one")  # noqa: TRY004 (it is the file that is wrong)
    return Pair(x509.load_pem_x509_certificate(certificate), found)


class Read(NamedTuple):
    """What a certificate says: its name, and when it works."""

    name: str
    begins: datetime
    ends: datetime


def read_certificate(content: bytes) -> Read:
    """The first certificate of a PEM file, or one in DER; raises ValueError."""
    pem = b"-----BEGIN" in content
    found = x509.load_pem_x509_certificate(content) if pem else x509.load_der_x509_certificate(content)
    names = found.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    name = str(names[0].value) if names else ""
    return Read(name, found.not_valid_before_utc, found.not_valid_after_utc)


def make_authority(name: str, now: datetime) -> Pair:
    """Who signs all others; it signs no other authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _name(name)
    builder = _builder(subject, subject, key, now, AUTHORITY_DAYS)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_usage(signs=True), critical=True)
    return Pair(builder.sign(key, hashes.SHA256()), key)


def issue(
    authority: Pair, name: str, role: Role, now: datetime, days: int, hosts: Sequence[str] = ()
) -> Pair:
    """A broker's certificate is good for its `hosts` (names or addresses), any other only as a client's."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _builder(_name(name), authority.certificate.subject, key, now, days)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_usage(signs=False), critical=True)
    purpose = ExtendedKeyUsageOID.SERVER_AUTH if role is Role.BROKER else ExtendedKeyUsageOID.CLIENT_AUTH
    builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=True)
    signer = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key())
    builder = builder.add_extension(signer, critical=False)
    if hosts:
        names = x509.SubjectAlternativeName([_host(host) for host in hosts])
        builder = builder.add_extension(names, critical=False)
    return Pair(builder.sign(authority.key, hashes.SHA256()), key)


def revocations(authority: Pair, revoked: Iterable[tuple[int, datetime]], now: datetime) -> bytes:
    """The list (CRL) of revoked serial numbers, in PEM. It does not age: a broker without a fresh one would refuse everybody."""
    builder = x509.CertificateRevocationListBuilder().issuer_name(authority.certificate.subject)
    builder = builder.last_update(now - BACKDATED).next_update(authority.certificate.not_valid_after_utc)
    for serial, at in revoked:
        one = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(at).build()
        builder = builder.add_revoked_certificate(one)
    return builder.sign(authority.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime, days: int
) -> x509.CertificateBuilder:
    public = key.public_key()
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )
