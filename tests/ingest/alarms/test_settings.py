"""A configuration of alarms is checked whole, and a mistake is one clear line."""

import json
import re
from pathlib import Path

import msgspec
import pytest

from ingest.alarms.channels import build
from ingest.alarms.settings import AlarmSettings, check
from ingest.alarms.wording import fields, fill_body, fill_url
from runtime.config import ConfigError, parse
from storage.outbox import Notice
from tests.ingest.alarms.test_routing import alarm

GOOD = """
[heartbeat]
url = "https://watch.example/${secret}"
secret_env = "BEAT"

[[channels]]
name = "ops"
kind = "webhook"
url = "https://ops.example/alarm"
secret_env = "OPS_TOKEN"

[[channels]]
name = "boss"
kind = "email"
smtp = "smtps://mail.example"
user = "hub"
secret_file = "SECRET_FILE"
sender = "hub@halong.example"
recipients = ["boss@halong.example"]
severity = "critical"
families = ["city"]
sites = ["bai-chay"]
after_s = 900
language = "en"
"""


def settings(text: str) -> AlarmSettings:
    found = parse(text, AlarmSettings, "hub.toml")
    check(found)
    return found


def test_a_whole_configuration(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("abc\n")
    found = settings(GOOD.replace("SECRET_FILE", str(tmp_path / "password")))
    ops, boss = build(found, {"OPS_TOKEN": "t"})
    assert ops.route.after_ms == 0
    assert (boss.route.after_ms, boss.route.sites) == (900_000, frozenset({"bai-chay"}))


def channel(**changes: object) -> str:
    good = {"name": "ops", "kind": "webhook", "url": "https://ops.example"}
    lines = {name: value for name, value in (good | changes).items() if value is not None}
    return "[[channels]]\n" + "\n".join(
        f"{name} = {msgspec.json.encode(value).decode()}" for name, value in lines.items()
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (channel(name="Ops Mail"), "name must be like ops-mail"),
        (channel() + "\n" + channel(), "'ops' is there twice"),
        (channel(url=None), "needs 'url'"),
        (channel(kind="email", url=None), "needs 'smtp'"),
        (channel(kind="http"), "needs 'body'"),
        (channel(kind="pigeon"), "pigeon"),
        (channel(url="ftp://x"), "must begin with http"),
        (channel(url="https://lan:pw@ops.example"), "holds a password"),
        (channel(kind="mqtt", topic="a"), "must look like mqtt://"),
        (channel(kind="mqtt", url="mqtt://x", topic="a/#"), r"no \+ and no #"),
        (channel(kind="http", body="${txt}"), r"no field \$\{txt\}"),
        (channel(kind="http", body="10 $ each"), r"written \$\$"),
        (channel(after_s=-1), "after_s"),
        (channel(severity="loud"), "loud"),
        (channel(servrity="info"), "did you mean 'severity'"),
        ('[heartbeat]\nurl = "watch"', "must begin with http"),
        ('[heartbeat]\nurl = "https://watch/${id}"', r"\$\{secret\}"),
        ('[heartbeat]\nurl = "https://watch"\nevery_s = 0', "every_s"),
    ],
)
def test_a_mistake_is_told(text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        settings(text)


def test_a_secret_that_is_not_there_is_told_by_its_name() -> None:
    with pytest.raises(ConfigError, match="no OPS_TOKEN"):
        build(settings(channel(secret_env="OPS_TOKEN")), {})
    with pytest.raises(ConfigError, match="cannot read the secret in /nowhere"):
        build(settings(channel(secret_file="/nowhere")), {})


def test_the_samples_of_the_documents_are_valid() -> None:
    text = (Path(__file__).parents[3] / "docs" / "alarms.md").read_text(encoding="utf-8")
    samples = [
        one for one in re.findall(r"```toml\n(.*?)```", text, re.DOTALL) if "[[alarms.channels]]" in one
    ]
    assert len(samples) == 2
    channels = [channel for one in samples for channel in settings(one.replace("alarms.", "")).channels]
    assert {channel.kind for channel in channels} == {"webhook", "http", "email", "mqtt"}
    for channel in channels:
        if channel.kind == "http":
            values = fields(Notice(alarm(), channel.name, "open"), "vi", "abc/def")
            assert isinstance(json.loads(fill_body(channel.body, values, channel.content_type)), dict)
            assert fill_url(channel.url, values).startswith("https://")
