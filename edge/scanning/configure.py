"""From what a scan found to a configuration. Pure: the text of an edge.toml, checked as `halong check` does."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from edge.config import EdgeConfig, check
from edge.scanning.found import Found
from runtime.config import parse
from telemetry.inventory import Site
from telemetry.quantities import QUANTITIES, to_canonical

_KINDS = {
    "pms5003": "pm", "pms5003t": "pm", "pms3003": "pm", "sds011": "pm", "sps30": "pm", "mhz19": "co2", "ops243": "radar",
    "hlk-ld2451": "radar", "wavetronix-csv": "radar", "sdi12": "probe", "davis-vantage": "weather", "nmea0183": "gnss",
    "line-ndjson": "board", "line-delimited": "board",
    "air-station": "air", "noise-meter": "noise", "rs-fsjt-wind": "wind", "sdm120": "energy", "sdm630": "energy",
}  # fmt: skip


class Port(NamedTuple):
    """A port's stable path and what hangs on it."""

    path: str
    found: Sequence[Found]


class Header(NamedTuple):
    """What a scan cannot know."""

    gateway: str
    site: Site
    broker: str


Names = Mapping[str, Sequence[tuple[str, str]]]


def parse_names(given: Sequence[str]) -> Names:
    """`[PORT=]quantity[:unit],…` by port, "" for any port: the names of values in their order. Raises ValueError."""
    names: dict[str, list[tuple[str, str]]] = {}
    for text in given:
        port, sign, rest = text.rpartition("=")
        found = []
        for part in rest.split(","):
            quantity, _, unit = part.strip().partition(":")
            if quantity != "-":
                if quantity not in QUANTITIES:
                    raise ValueError(f"--values: unknown quantity {quantity!r}; - leaves a value out")
                to_canonical(quantity, 0.0, unit or QUANTITIES[quantity].unit)
            found.append((quantity, unit))
        names[port if sign else ""] = found
    return names


def named(found: Found, path: str, names: Names) -> Found:
    """With `fields` for values that do not say what they are, where somebody has named them."""
    given = names.get(path, names.get("", ()))
    if found.works or not given:
        return found
    fields = {
        quantity: {"path": value, **({"unit": unit} if unit else {})}
        for value, (quantity, unit) in zip(found.values, given, strict=False)
        if quantity != "-"
    }
    return found._replace(options={**found.options, "fields": fields})


def written(header: Header, ports: Sequence[Port]) -> str:
    """The configuration; devices that cannot be configured yet stand in it as comments. Raises ConfigError, a bug here."""
    ids = _Ids(header.site.id)
    parts = [_head(header)]
    for port in ports:
        units = [one for one in port.found if one.protocol == "modbus-rtu"]
        if units:
            parts.append(_bus(port.path, units, ids))
        for number, one in enumerate(other for other in port.found if other.protocol != "modbus-rtu"):
            parts.append(_device(port.path, one, ids, usable=one.works and number == 0))
    text = "\n".join(parts)
    check(parse(text, EdgeConfig, "the configuration that was found"))
    return text


class _Ids:
    """Sensor ids that are unique at the site: SITE-KIND-NUMBER."""

    def __init__(self, site: str) -> None:
        self._site, self._taken = site, Counter[str]()

    def next(self, found: Found) -> str:
        kind = _KINDS.get(found.map or found.protocol, "sensor")
        self._taken[kind] += 1
        return f"{self._site[:50]}-{kind}-{self._taken[kind]}"


def _head(header: Header) -> str:
    site = header.site
    return (
        "# Found by `halong edge scan`. Look at ids, names and the place, then `halong check` it again.\n"
        f"gateway = {_toml(header.gateway)}\n\n[site]\nid = {_toml(site.id)}\nname = {_toml(site.name)}\n"
        f"latitude = {site.latitude}\nlongitude = {site.longitude}\n\n[broker]\nurl = {_toml(header.broker)}\n"
    )


def _device(path: str, found: Found, ids: _Ids, *, usable: bool) -> str:
    lines = [
        f"protocol = {_toml(found.protocol)}",
        f"sensor = {_toml(ids.next(found))}",
        f"period_s = {found.period_s}",
    ]
    if found.baud:
        lines += [f"baud = {found.baud}", f"line = {_toml(found.line)}"]
    options = {name: value for name, value in found.options.items() if usable or name != "fields"}
    if options:
        lines.append(f"options = {_toml(options)}")
    block = ["[[serial]]", f"path = {_toml(path)}", *lines]
    why = _comment(found)
    if usable:
        return "\n".join([why, *block, ""])
    reason = (
        "# These values do not say what they are: name them with --values, or under options here."
        if not found.works
        else "# Another one on the same port: one at a time can be read."
    )
    return "\n".join([reason, why, *(f"# {line}" for line in block), ""])


def _bus(path: str, units: Sequence[Found], ids: _Ids) -> str:
    first = units[0]
    lines = ["[[modbus]]", f"path = {_toml(path)}"]
    if first.baud:
        lines += [f"baud = {first.baud}", f"line = {_toml(first.line)}"]
    known = [one for one in units if one.map]
    if not known:
        lines = [f"# {line}" for line in lines]
    for one in units:
        block = ["[[modbus.unit]]", f"unit = {one.unit}"]
        if one.map:
            block += [
                f"map = {_toml(one.map)}",
                f"sensor = {_toml(ids.next(one))}",
                f"period_s = {one.period_s}",
            ]
        lines += ["", _comment(one), *(block if one.map else [f"# {line}" for line in block])]
    return "\n".join([*lines, ""])


def _comment(found: Found) -> str:
    words = f"# {found.sample}" + (f" ({found.note})" if found.note else "")
    return "".join(letter if letter.isprintable() else "?" for letter in words)


def _toml(value: Any) -> str:
    """A TOML value; text as JSON, which TOML reads alike."""
    if isinstance(value, Mapping):
        return (
            "{ " + ", ".join(f"{json.dumps(str(name))} = {_toml(one)}" for name, one in value.items()) + " }"
        )
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(one) for one in value) + "]"
    return json.dumps(str(value), ensure_ascii=False)
