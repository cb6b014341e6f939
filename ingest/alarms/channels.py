"""Ways to people: webhook, HTTP by template, e-mail, MQTT. Each sends one notice, or raises NotSentError."""

from collections.abc import Callable, Mapping
from email.message import EmailMessage
from typing import Protocol
from urllib.parse import urlsplit

import aiohttp
import aiosmtplib
import msgspec
import structlog

from ingest.alarms import settings as config
from ingest.alarms import wording
from ingest.alarms.routing import Route
from ingest.alarms.settings import AlarmSettings, ChannelSettings
from runtime.mqtt import BrokerUrl, LinkLostError, publish_once
from storage import outbox
from storage.outbox import Notice

TIMEOUT_S = 10.0
PORTS = {"smtp": 25, "smtps": 465}

log = structlog.get_logger(__name__)


class NotSentError(Exception):
    """It did not arrive, or nobody says that it did; the message says why, without any secret."""

    def __init__(self, message: str, retry_after_s: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Channel(Protocol):
    """One way; `route` says what goes it."""

    @property
    def route(self) -> Route:
        """What it is for."""
        ...

    async def send(self, notice: Notice) -> None:
        """Return when the other side says that it has it. Raises NotSentError."""
        ...


async def request(
    method: str, url: str, body: bytes, headers: Mapping[str, str], *, timeout_s: float = TIMEOUT_S
) -> None:
    """An HTTP request whose answer is 2xx; else NotSentError. Redirects are not followed: a POST would become a GET."""
    timeout = aiohttp.ClientTimeout(total=timeout_s)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, trust_env=False) as session,
            session.request(method, url, data=body or None, headers=headers, allow_redirects=False) as answer,
        ):
            if 200 <= answer.status < 300:
                return
            said = (await answer.content.read(200)).decode("utf-8", "replace")
            after = answer.headers.get("Retry-After", "")
            raise NotSentError(
                f"HTTP {answer.status} {' '.join(said.split())}".rstrip(),
                float(after) if after.isascii() and after.isdecimal() and len(after) < 6 else 0.0,
            )
    except TimeoutError:
        raise NotSentError(f"no answer within {timeout_s:g} s") from None
    except aiohttp.InvalidURL:
        raise NotSentError("the address, with its fields filled in, is none") from None
    except (aiohttp.ClientError, OSError) as error:
        raise NotSentError(f"{type(error).__name__} at {urlsplit(url).hostname}") from None


class Webhook:
    """A POST of JSON: `key`, `state`, `title`, `text` and the whole `alarm`; the secret is a bearer token."""

    def __init__(self, settings: ChannelSettings, secret: str) -> None:
        self.route, self._settings, self._secret = settings.route, settings, secret

    async def send(self, notice: Notice) -> None:
        """See Channel."""
        language = self._settings.language
        body = {
            "key": notice.key,
            "state": notice.state,
            "title": wording.title(notice, language),
            "text": wording.sentence(notice, language),
            "alarm": notice.alarm,
        }
        headers = {"Content-Type": "application/json", "Idempotency-Key": notice.key}
        if self._secret and "${secret}" not in self._settings.url:
            headers["Authorization"] = f"Bearer {self._secret}"
        url = wording.fill_url(self._settings.url, wording.fields(notice, language, self._secret))
        await request("POST", url, msgspec.json.encode(body), headers)


class HttpTemplate:
    """Any HTTP request: address, headers and body are templates."""

    def __init__(self, settings: ChannelSettings, secret: str) -> None:
        self.route, self._settings, self._secret = settings.route, settings, secret

    async def send(self, notice: Notice) -> None:
        """See Channel."""
        settings = self._settings
        values = wording.fields(notice, settings.language, self._secret)
        headers = {"Content-Type": settings.content_type, "Idempotency-Key": notice.key}
        headers |= {name: wording.fill_header(text, values) for name, text in settings.headers.items()}
        body = wording.fill_body(settings.body, values, settings.content_type)
        await request(settings.method, wording.fill_url(settings.url, values), body.encode(), headers)


class Mail:
    """E-mail by SMTP: smtp://host:25 (encrypted when the server offers it) or smtps://host:465.

    All messages of an alarm are one thread, and a repetition has the same Message-ID.
    """

    def __init__(self, settings: ChannelSettings, secret: str) -> None:
        self.route, self._settings, self._secret = settings.route, settings, secret

    def message(self, notice: Notice) -> EmailMessage:
        """The letter."""
        settings, language = self._settings, self._settings.language
        values = wording.fields(notice, language)
        letter = EmailMessage()
        letter["From"] = settings.sender
        letter["To"] = ", ".join(settings.recipients)
        letter["Subject"] = values["title"]
        domain = settings.sender.rpartition("@")[2].rstrip(">") or "halong"
        letter["Message-ID"] = f"<{notice.key}@{domain}>"
        letter["Idempotency-Key"] = notice.key
        if notice.state not in outbox.FIRST:
            first = outbox.ESCALATED if self.route.after_ms else outbox.OPEN
            letter["In-Reply-To"] = letter["References"] = f"<{notice.alarm.id}-{first}@{domain}>"
        letter["Auto-Submitted"] = "auto-generated"
        lines = [values["text"], ""]
        lines += [
            f"{name}: {values[name]}" for name in ("sensors", "kind", "start", "end", "id") if values[name]
        ]
        letter.set_content("\n".join(lines) + "\n")
        return letter

    async def send(self, notice: Notice) -> None:
        """See Channel."""
        settings, parts = self._settings, urlsplit(self._settings.smtp)
        try:
            refused, _ = await aiosmtplib.send(
                self.message(notice),
                hostname=parts.hostname,
                port=parts.port or PORTS[parts.scheme],
                username=settings.user or None,
                password=self._secret if settings.user else None,
                use_tls=parts.scheme == "smtps",
                timeout=TIMEOUT_S,
            )
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            raise NotSentError(f"{type(error).__name__}: {error}") from None
        if refused:  # some have it: sending again would tell them twice, and these not at all
            log.warning("mail server refuses a recipient", channel=settings.name, recipients=sorted(refused))


class Mqtt:
    """A message on a broker, not retained: what the webhook posts."""

    def __init__(self, settings: ChannelSettings, secret: str) -> None:
        self.route, self._settings = settings.route, settings
        url = BrokerUrl.parse(settings.url)
        self._broker = url._replace(username=settings.user, password=secret) if settings.user else url

    async def send(self, notice: Notice) -> None:
        """See Channel."""
        language = self._settings.language
        body = {
            "key": notice.key,
            "state": notice.state,
            "text": wording.sentence(notice, language),
            "alarm": notice.alarm,
        }
        try:
            await publish_once(self._broker, self._settings.topic, msgspec.json.encode(body))
        except LinkLostError as error:
            raise NotSentError(str(error)) from None


_KINDS: dict[str, Callable[[ChannelSettings, str], Channel]] = {
    "webhook": Webhook,
    "http": HttpTemplate,
    "email": Mail,
    "mqtt": Mqtt,
}


def build(settings: AlarmSettings, environment: Mapping[str, str]) -> list[Channel]:
    """The channels of a checked configuration; raises ConfigError when a secret is missing."""
    return [_KINDS[one.kind](one, config.secret(one, environment)) for one in settings.channels]
