"""Known vulnerabilities of what is locked, without network: `python scripts/audit.py ADVISORIES [REQUIREMENTS]`.

ADVISORIES is a dump in OSV's format (https://ossf.github.io/osv-schema/), carried here by whoever has internet: OSV's
`all.zip` of the ecosystem PyPI, a directory of its JSON files, or one of them. REQUIREMENTS is a lock with hashes,
requirements.txt by default. Prints a line for each finding; exit 1 when there is one, 2 when there is nothing to look at.
Needs `packaging`, which the development environment has.
"""

import json
import re
import sys
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from packaging.version import InvalidVersion, Version

ROOT = Path(__file__).parents[1]
PIN = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?==([^\s;\\]+)", re.MULTILINE)


class Finding(NamedTuple):
    """A locked package that an advisory speaks of; `fixed` are the versions that mend it."""

    package: str
    version: str
    advisory: str
    summary: str
    fixed: tuple[str, ...]


def normal(name: str) -> str:
    """As PEP 503 writes it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def locked(text: str) -> dict[str, str]:
    """Package to version."""
    return {normal(name): version for name, version in PIN.findall(text)}


def advisories(place: Path) -> Iterator[Mapping[str, Any]]:
    """Every advisory of a zip, a directory or a file. Raises OSError, ValueError for what is no JSON."""
    if place.suffix == ".zip":
        with zipfile.ZipFile(place) as pack:
            for name in pack.namelist():
                if name.endswith(".json"):
                    yield json.loads(pack.read(name))
    else:
        for path in sorted(place.rglob("*.json")) if place.is_dir() else [place]:
            yield json.loads(path.read_bytes())


def findings(known: Iterable[Mapping[str, Any]], pins: Mapping[str, str]) -> Iterator[Finding]:
    """What of the locked is affected; withdrawn advisories say nothing."""
    for advisory in known:
        for affected in advisory.get("affected", ()) if not advisory.get("withdrawn") else ():
            package = affected.get("package", {})
            name = normal(package.get("name", ""))
            if package.get("ecosystem") == "PyPI" and name in pins and hits(affected, Version(pins[name])):
                fixed = [
                    event["fixed"]
                    for one in affected.get("ranges", ())
                    for event in one.get("events", ())
                    if "fixed" in event
                ]
                summary = str(advisory.get("summary") or advisory.get("details", "")).partition("\n")[0]
                yield Finding(name, pins[name], str(advisory["id"]), summary, tuple(fixed))


def hits(affected: Mapping[str, Any], version: Version) -> bool:
    """Whether it is among the versions, or inside a range: from `introduced` on, before `fixed`, up to `last_affected`."""
    if any(_version(one) == version for one in affected.get("versions", ())):
        return True
    return any(
        _inside(one.get("events", ()), version)
        for one in affected.get("ranges", ())
        if one.get("type") == "ECOSYSTEM"
    )


def _inside(events: Iterable[Mapping[str, str]], version: Version) -> bool:
    """The last event at or before the version decides."""
    inside = False
    for kind, text in sorted(
        ((kind, text) for event in events for kind, text in event.items()), key=lambda one: _version(one[1])
    ):
        at = _version(text)
        if kind == "introduced" and at <= version:
            inside = True
        elif (kind == "fixed" and at <= version) or (kind == "last_affected" and at < version):
            inside = False
    return inside


def _version(text: str) -> Version:
    """What is no version of Python's packages lies before all others ("0" is OSV's word for the first)."""
    try:
        return Version(text)
    except InvalidVersion:
        return Version("0.dev0")


def main(arguments: list[str]) -> int:
    """See above."""
    if not 1 <= len(arguments) <= 2:
        print(__doc__, file=sys.stderr)
        return 2
    lock = Path(arguments[1]) if len(arguments) == 2 else ROOT / "requirements.txt"
    count = 0

    def counted(known: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
        nonlocal count
        for count, one in enumerate(known, 1):  # noqa: B007
            yield one

    try:
        pins = locked(lock.read_text(encoding="utf-8"))
        found = sorted(set(findings(counted(advisories(Path(arguments[0]))), pins)))
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        print(f"audit: {error}", file=sys.stderr)
        return 2
    if not count or not pins:
        print(f"audit: {count} advisories, {len(pins)} locked packages: nothing to look at", file=sys.stderr)
        return 2
    for one in found:
        mended = f"; mended in {', '.join(one.fixed)}" if one.fixed else "; not mended yet"
        print(f"{one.package} {one.version}: {one.advisory} {one.summary}{mended}")
    print(f"{len(pins)} packages, {count} advisories, {len(found)} findings", file=sys.stderr)
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
