"""The part of the hub's configuration that says who is told of alarms. Secrets stand in the environment or in files."""

import re
from collections.abc import Mapping
from pathlib import Path
from string import Template
from typing import Literal
from urllib.parse import urlsplit

import msgspec

from ingest.alarms.routing import Route
from ingest.alarms.wording import FIELDS
from runtime import limits
from runtime.config import ConfigError
from runtime.mqtt import BrokerUrl
from telemetry.alarm import AlarmFamily
from telemetry.anomaly import Severity

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
NEEDED = {
    "webhook": ("url",),
    "http": ("url", "body"),
    "email": ("smtp", "sender", "recipients"),
    "mqtt": ("url", "topic"),
}
_SCHEMES = {"url": ("http", "https"), "smtp": ("smtp", "smtps")}


class ChannelSettings(msgspec.Struct, frozen=True):
    """One way to people. `severity` is the mildest that is told, empty lists are everything, `after_s` makes it an escalation.

    `secret_env` or `secret_file` names where the secret is: a webhook's bearer token, the mail server's password (with
    `user`), or what `${secret}` in a template stands for.
    """

    name: str
    kind: Literal["webhook", "http", "email", "mqtt"]
    language: Literal["vi", "en"] = "vi"
    severity: Severity = Severity.WARNING
    sites: tuple[str, ...] = ()
    families: tuple[AlarmFamily, ...] = ()
    after_s: float = 0.0
    url: str = ""
    secret_env: str = ""
    secret_file: str = ""
    method: Literal["POST", "PUT", "GET"] = "POST"
    headers: dict[str, str] = {}
    content_type: str = "application/json"
    body: str = ""
    smtp: str = ""
    user: str = ""
    sender: str = ""
    recipients: tuple[str, ...] = ()
    topic: str = ""

    @property
    def route(self) -> Route:
        """As the routing knows it."""
        return Route(
            self.name,
            self.severity,
            frozenset(self.sites),
            frozenset(self.families),
            round(self.after_s * 1000),
        )


class HeartbeatSettings(msgspec.Struct, frozen=True):
    """Where the hub says every `every_s` that it lives; "" says it nowhere. `${secret}` in the url as in a channel."""

    url: str = ""
    secret_env: str = ""
    secret_file: str = ""
    every_s: float = 60.0


class AlarmSettings(msgspec.Struct, frozen=True):
    """Channels, the heartbeat, and the file of limits: "" the shipped one, "none" no limit."""

    channels: tuple[ChannelSettings, ...] = ()
    heartbeat: HeartbeatSettings = HeartbeatSettings()
    limits: str = ""


def check(settings: AlarmSettings) -> None:
    """What the types cannot say; raises ConfigError."""
    limits.read(settings.limits)
    names = [channel.name for channel in settings.channels]
    for index, channel in enumerate(settings.channels):
        where = f"alarms.channels[{index}]"
        if not _NAME.fullmatch(channel.name):
            raise ConfigError(f"{where}.name must be like ops-mail, not {channel.name!r}")
        if names.count(channel.name) > 1:
            raise ConfigError(f"{where}.name {channel.name!r} is there twice")
        for key in NEEDED[channel.kind]:
            if not getattr(channel, key):
                raise ConfigError(f"{where}: a channel of kind {channel.kind!r} needs {key!r}")
        if not 0 <= channel.after_s <= 7 * 86_400:
            raise ConfigError(f"{where}.after_s must be 0 to a week of seconds")
        _check_addresses(channel, where)
        for text in (channel.url, channel.body, *channel.headers.values()):
            _check_template(text, where)
    heartbeat = settings.heartbeat
    if heartbeat.url:
        _check_url(heartbeat.url, "url", "alarms.heartbeat")
        if not Template(heartbeat.url).is_valid() or set(Template(heartbeat.url).get_identifiers()) - {
            "secret"
        }:
            raise ConfigError("alarms.heartbeat.url may hold ${secret}, and a lone $ is written $$")
        if not 1 <= heartbeat.every_s <= 86_400:
            raise ConfigError("alarms.heartbeat.every_s must be 1 to 86400")


def secret(settings: ChannelSettings | HeartbeatSettings, environment: Mapping[str, str]) -> str:
    """The secret itself, "" when none is named; raises ConfigError."""
    if settings.secret_env:
        if not environment.get(settings.secret_env):
            raise ConfigError(
                f"the environment has no {settings.secret_env}, which a channel of alarms needs"
            )
        return environment[settings.secret_env]
    if settings.secret_file:
        try:
            return Path(settings.secret_file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"cannot read the secret in {settings.secret_file}: {error}") from None
    return ""


def _check_addresses(channel: ChannelSettings, where: str) -> None:
    if channel.kind == "mqtt":
        try:
            BrokerUrl.parse(channel.url)
        except ValueError as error:
            raise ConfigError(f"{where}.url: {error}") from None
        if any(sign in channel.topic for sign in "+#"):
            raise ConfigError(f"{where}.topic must hold no + and no #")
        return
    key = "smtp" if channel.kind == "email" else "url"
    _check_url(getattr(channel, key), key, where)


def _check_url(url: str, key: str, where: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in _SCHEMES[key] or not parts.hostname:
        raise ConfigError(f"{where}.{key} must begin with {'://… or '.join(_SCHEMES[key])}://…")
    if parts.password:
        raise ConfigError(f"{where}.{key} holds a password: put it into the environment (secret_env)")


def _check_template(text: str, where: str) -> None:
    template = Template(text)
    if not template.is_valid():
        raise ConfigError(f"{where}: a lone $ in a template is written $$")
    for name in template.get_identifiers():
        if name not in FIELDS:
            raise ConfigError(f"{where}: no field ${{{name}}}; known: {', '.join(sorted(FIELDS))}")
