"""The bill of materials: CycloneDX by its schema (the part that is used), complete, the same every time."""

import importlib.util
import json
import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import jsonschema

ROOT = Path(__file__).parents[2]
PURL = {"type": "string", "pattern": r"^pkg:(pypi|npm)/[a-z0-9-]+@[^@\s]+$"}
COMPONENT = {
    "type": "object",
    "required": ["type", "name"],  # of CycloneDX 1.5; the rest is ours
    "additionalProperties": False,
    "properties": {
        "type": {"enum": ["application", "library"]},
        "bom-ref": PURL,
        "name": {"type": "string", "minLength": 1},
        "version": {"type": "string", "minLength": 1},
        "purl": PURL,
        "licenses": {"type": "array", "items": {"type": "object", "required": ["license"]}},
        "properties": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["name", "value"],
                "properties": {"value": {"type": "string", "pattern": "^[0-9a-f]{64}$"}},
            },
        },
    },
}
BOM = {
    "type": "object",
    "required": ["bomFormat", "specVersion", "version"],
    "additionalProperties": False,
    "properties": {
        "$schema": {"const": "http://cyclonedx.org/schema/bom-1.5.schema.json"},
        "bomFormat": {"const": "CycloneDX"},
        "specVersion": {"const": "1.5"},
        "serialNumber": {
            "type": "string",
            "pattern": "^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
        },
        "version": {"type": "integer", "minimum": 1},
        "metadata": {"type": "object", "properties": {"component": COMPONENT}, "additionalProperties": False},
        "components": {"type": "array", "items": COMPONENT, "uniqueItems": True},
        "dependencies": {"type": "array", "items": {"type": "object", "required": ["ref"]}},
    },
}


def made() -> str:
    command = [sys.executable, "scripts/sbom.py"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def test_it_is_cyclonedx_and_the_same_every_time() -> None:
    text = made()
    jsonschema.validate(json.loads(text), BOM)
    assert made() == text


def test_it_names_every_locked_package_with_its_hashes_and_what_is_vendored() -> None:
    content: dict[str, Any] = json.loads(made())
    lock = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    pins = re.findall(r"^([A-Za-z0-9._-]+)(?:\[.*?\])?==", lock, re.MULTILINE)
    pypi = [one for one in content["components"] if one["purl"].startswith("pkg:pypi/")]
    assert len(pypi) == len(pins) > 30
    assert all(one["properties"] for one in pypi)
    assert sum(len(one["properties"]) for one in pypi) == lock.count("--hash=sha256:")
    assert "pkg:npm/leaflet@1.9.4" in [one["purl"] for one in content["components"]]


def test_what_is_locked_is_what_is_installed_here() -> None:
    """The audit speaks of what runs."""
    checked = 0
    for one in json.loads(made())["components"]:
        if not one["purl"].startswith("pkg:pypi/"):
            continue
        try:
            assert version(one["name"]) == one["version"]
        except PackageNotFoundError:
            assert importlib.util.find_spec(one["name"].replace("-", "_")) is None
            continue
        checked += 1
    assert checked > 30
