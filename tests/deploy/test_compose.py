"""compose.yaml without a Docker: its shape (a schema of our own of the part that is used), and what it promises."""

import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from edge.config import check as check_edge
from edge.settings import EdgeConfig
from halong.hub import HubConfig
from halong.hub import check as check_hub
from runtime.config import load

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
STRINGS = {"type": "array", "items": {"type": "string"}}
SERVICE = {
    "type": "object",
    "additionalProperties": False,
    "required": ["image", "restart", "read_only", "cap_drop", "security_opt", "healthcheck"],
    "properties": {
        "image": {"type": "string", "pattern": r"^[a-z0-9/-]+:\d+\.\d+\.\d+$"},
        "restart": {"enum": ["unless-stopped"]},
        "read_only": {"const": True},
        "cap_drop": {"const": ["ALL"]},
        "security_opt": {"const": ["no-new-privileges:true"]},
        "healthcheck": {
            "type": "object",
            "additionalProperties": False,
            "required": ["test", "interval", "timeout", "retries"],
            "properties": {
                "test": {"type": "array", "minItems": 2, "items": {"type": "string"}},
                "interval": {"type": "string", "pattern": r"^\d+s$"},
                "timeout": {"type": "string", "pattern": r"^\d+s$"},
                "start_period": {"type": "string", "pattern": r"^\d+s$"},
                "retries": {"type": "integer"},
            },
        },
        "user": {"type": "string"},
        "command": STRINGS, "cap_add": STRINGS, "volumes": STRINGS, "ports": STRINGS, "tmpfs": STRINGS,
        "env_file": STRINGS, "secrets": STRINGS, "group_add": STRINGS,
        "environment": {"type": "object", "additionalProperties": {"type": "string"}},
        "build": {"type": "object", "required": ["context", "dockerfile"]},
        "depends_on": {
            "type": "object",
            "additionalProperties": {"properties": {"condition": {"enum": ["service_healthy"]}}},
        },
        "logging": {"type": "object"},
    },
}  # fmt: skip


@pytest.fixture
def compose() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    return content


def test_every_service_has_the_shape(compose: dict[str, Any]) -> None:
    assert set(compose) == {"name", "x-careful", "services", "secrets", "volumes"}
    assert set(compose["services"]) == {"mosquitto", "influxdb", "hub", "grafana", "edge"}
    for name, service in compose["services"].items():
        try:
            jsonschema.validate(service, SERVICE)
        except jsonschema.ValidationError as error:
            pytest.fail(f"{name}: {error.message}", pytrace=False)


def test_what_it_names_is_there(compose: dict[str, Any]) -> None:
    named = {volume for service in compose["services"].values() for volume in service.get("volumes", ())}
    stored = {volume.partition(":")[0] for volume in named if not volume.startswith(".")}
    assert stored == set(compose["volumes"])
    made_by_pki = {"./broker", "./pki/issued/hub", "./pki/issued/gw-centre"}
    for volume in named - {one for one in named if not one.startswith(".")}:
        source, _, rest = volume.partition(":")
        assert rest.endswith(":ro")  # nothing writes into the configuration
        assert source in made_by_pki or (DEPLOY / source).exists(), source
    for service in compose["services"].values():
        for name in service.get("env_file", ()):
            assert (DEPLOY / f"{name}.sample").exists()
        for other in service.get("depends_on", {}):
            assert other in compose["services"]
    assert (DEPLOY / compose["services"]["hub"]["build"]["context"]).resolve() == ROOT
    assert (ROOT / compose["services"]["hub"]["build"]["dockerfile"]).exists()


def test_only_the_broker_is_reached_from_elsewhere(compose: dict[str, Any]) -> None:
    ports = [port for service in compose["services"].values() for port in service.get("ports", ())]
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == ["8883:8883"]


def test_no_secret_stands_in_it(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        for name, value in service.get("environment", {}).items():
            assert "PASSWORD" not in name
            assert "SECRET" not in name or value.startswith("/run/secrets/")
    samples = [path.read_text(encoding="utf-8") for path in (DEPLOY / "config").glob("*.sample")]
    secrets = [
        line for text in samples for line in text.splitlines() if re.search("(PASSWORD|SECRET)=", line)
    ]
    assert secrets
    assert [line for line in secrets if not line.endswith("=")] == []


def test_the_configurations_are_good() -> None:
    check_hub(load(DEPLOY / "config" / "hub.toml", HubConfig))
    edge = load(DEPLOY / "config" / "edge.toml", EdgeConfig)
    check_edge(edge)
    assert edge.gateway == "gw-centre"


def test_the_image_runs_as_nobody_in_particular_and_takes_what_is_locked() -> None:
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    bases = re.findall(r"^FROM (\S+)", text, re.MULTILINE)
    assert set(bases) == {"python:3.11.11-slim-bookworm"}
    assert len(bases) == 2
    assert re.findall(r"^USER (\S+)", text, re.MULTILINE) == ["10001:10001"]
    assert "--require-hashes" in text
    copied = {
        line.removeprefix("!")
        for line in (ROOT / ".dockerignore").read_text().split()
        if line.startswith("!")
    }
    assert all((ROOT / name).exists() for name in copied)
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"bench", "tests"}
    assert packages <= copied
