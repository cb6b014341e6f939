"""TOML configuration into a frozen struct: unknown keys refused with the nearest known name, one clear line each."""

import tomllib
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin

import msgspec

from telemetry.names import did_you_mean

Settings = TypeVar("Settings", bound=msgspec.Struct)


class ConfigError(Exception):
    """The configuration cannot be used; the message says where and what to do."""


def load(path: Path, kind: type[Settings]) -> Settings:
    """The settings in the TOML file at `path`; raises ConfigError."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is not UTF-8 text") from None
    return parse(text, kind, str(path))


def parse(text: str, kind: type[Settings], where: str) -> Settings:
    """The settings in TOML `text`; `where` begins every message. Raises ConfigError."""
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{where}: {error}") from None
    _refuse_unknown(content, kind, where, "")
    try:
        return msgspec.convert(content, kind)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{where}: {error}") from None


def _refuse_unknown(content: Any, kind: Any, where: str, path: str) -> None:
    """Walk the content beside the struct's fields; the first unknown key is a ConfigError."""
    if isinstance(content, list):
        inner = [argument for argument in get_args(kind) if argument is not Ellipsis]
        for index, item in enumerate(content):
            _refuse_unknown(item, inner[0] if inner else Any, where, f"{path}[{index}]")
        return
    if not isinstance(content, dict):
        return
    if get_origin(kind) is dict:
        for key, value in content.items():
            _refuse_unknown(value, get_args(kind)[1], where, f"{path}.{key}".lstrip("."))
        return
    structs = [k for k in (kind, *get_args(kind)) if isinstance(k, type) and issubclass(k, msgspec.Struct)]
    if not structs:
        return
    fields = {field.encode_name: field.type for field in msgspec.structs.fields(structs[0])}
    for key, value in content.items():
        if key not in fields:
            hint = did_you_mean(key, fields)
            raise ConfigError(f"{where}: unknown key {f'{path}.{key}'.lstrip('.')!r}, {hint}")
        _refuse_unknown(value, fields[key], where, f"{path}.{key}".lstrip("."))
