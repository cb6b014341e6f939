"""What the program is made of, as CycloneDX 1.5 JSON on stdout: the locked requirements with the hashes that are accepted, and
what is vendored in the page. The same input gives the same bytes: no time, no random number. Needs nothing but Python."""

import json
import re
import sys
import tomllib
import uuid
from pathlib import Path

ROOT = Path(__file__).parents[1]
PIN = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?==([^\s;\\]+)")
HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
VENDORED = re.compile(r"^(.+)-(\d+\.\d+\.\d+)\.(?:js|css)$")


def component(kind: str, name: str, version: str, hashes: list[str]) -> dict[str, object]:
    """One library; `hashes` are of the distributions that pip accepts for it, one for each platform."""
    purl = f"pkg:{kind}/{name}@{version}"
    found: dict[str, object] = {
        "type": "library",
        "bom-ref": purl,
        "name": name,
        "version": version,
        "purl": purl,
    }
    if hashes:
        found["properties"] = [{"name": "halong:accepted-sha256", "value": one} for one in hashes]
    return found


def locked(text: str) -> list[dict[str, object]]:
    """The components of a requirements file made by pip-compile --generate-hashes."""
    found = []
    for block in text.replace("\\\n", " ").splitlines():
        if pin := PIN.match(block):
            name = re.sub(r"[-_.]+", "-", pin[1]).lower()  # PEP 503
            found.append(component("pypi", name, pin[2], HASH.findall(block)))
    return found


def vendored(directory: Path) -> list[dict[str, object]]:
    """Libraries in the page, by their file names."""
    names = {match.groups() for path in directory.iterdir() if (match := VENDORED.match(path.name))}
    return [component("npm", name, version, []) for name, version in sorted(names)]


def bill(root: Path) -> dict[str, object]:
    """The whole of it."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    components = [
        *locked((root / "requirements.txt").read_text(encoding="utf-8")),
        *vendored(root / "api" / "page" / "vendor"),
    ]
    own = f"pkg:pypi/{project['name']}@{project['version']}"
    name = uuid.uuid5(uuid.NAMESPACE_URL, own + json.dumps(components))
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.5.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{name}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": own,
                "name": project["name"],
                "version": project["version"],
                "purl": own,
                "licenses": [{"license": {"id": project["license"]}}],
            }
        },
        "components": components,
        "dependencies": [{"ref": own, "dependsOn": [str(one["bom-ref"]) for one in components]}],
    }


if __name__ == "__main__":
    json.dump(bill(ROOT), sys.stdout, indent=1, ensure_ascii=False)
    sys.stdout.write("\n")
