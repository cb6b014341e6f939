"""Where the API listens: open on this machine, a key from elsewhere; HTTPS with a real certificate."""

import asyncio
import datetime
import ipaddress
import ssl
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from halong.serving import ApiSettings, PageSettings, Server, check, check_page, listen
from runtime.config import ConfigError


@pytest.mark.parametrize(
    ("host", "reading", "is_open"),
    [
        ("127.0.0.1", "auto", True),
        ("127.0.0.9", "auto", True),
        ("::1", "auto", True),
        ("localhost", "auto", True),
        ("0.0.0.0", "auto", False),
        ("::", "auto", False),
        ("10.1.2.3", "auto", False),
        ("hub.example", "auto", False),
        ("10.1.2.3", "open", True),
        ("127.0.0.1", "key", False),
    ],
)
def test_reading_is_open_on_this_machine_only(host: str, reading: str, is_open: bool) -> None:
    assert ApiSettings(host=host, reading=reading).access().open_reading is is_open  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (ApiSettings(port=70_000), "api.port"),
        (ApiSettings(requests_per_minute=0), "api.requests_per_minute"),
        (ApiSettings(origins=("dashboard.example",)), "https://dashboard.example"),
        (ApiSettings(origins=("https://a.example/path",)), "api.origins"),
        (ApiSettings(certificate="x.pem"), "go together"),
        (ApiSettings(certificate="x.pem", certificate_key="y.pem"), "there is no file x.pem"),
        (ApiSettings(certificate=__file__, certificate_key=__file__), "cannot be used"),
    ],
)
def test_a_mistake_is_one_line(settings: ApiSettings, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check(settings)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def certificate(directory: Path) -> tuple[Path, Path]:
    """One for 127.0.0.1, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "hub")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    paths = directory / "hub.pem", directory / "hub.key"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return paths


async def test_https_with_a_certificate(tmp_path: Path) -> None:
    pem, key = certificate(tmp_path)
    settings = ApiSettings(port=0, certificate=str(pem), certificate_key=str(key))
    check(settings)

    async def app(scope: dict[str, str], receive: object, send: object) -> None:
        if scope["type"] == "http":
            body = scope["scheme"].encode()
            await send({"type": "http.response.start", "status": 200, "headers": []})  # type: ignore[operator]
            await send({"type": "http.response.body", "body": body})  # type: ignore[operator]

    with listen(settings) as listening:
        server = Server(app, settings)
        serving = asyncio.create_task(server.serve_at(listening))
        trust = ssl.create_default_context(cafile=pem)
        async with httpx.AsyncClient(verify=trust, timeout=20) as client:
            answer = await client.get(f"https://127.0.0.1:{listening.getsockname()[1]}/")
        server.should_exit = True
        await serving
    assert answer.text == "https"
    assert "server" not in answer.headers


@pytest.mark.parametrize(
    ("page", "word"),
    [
        (PageSettings("https://tiles.example/map.png", "©"), "page.tiles"),
        (PageSettings("https://tiles.example; script-src */{z}/{x}/{y}.png", "©"), "page.tiles"),
        (PageSettings("ftp://tiles.example/{z}/{x}/{y}.png", "©"), "page.tiles"),
        (PageSettings("https://tiles.example/{z}/{x}/{y}.png"), "page.attribution"),
    ],
)
def test_a_base_map_that_cannot_be_is_told(page: PageSettings, word: str) -> None:
    with pytest.raises(ConfigError, match=word):
        check_page(page)


def test_a_base_map_with_its_maker_is_taken() -> None:
    check_page(PageSettings("http://127.0.0.1:8099/{z}/{x}/{y}.png", "© Hạ Long"))
