"""Where an InfluxDB's secret comes from: the environment, or a file that it names. Never a command line: every user of the
machine can read those."""

import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote, urlsplit

from runtime.config import ConfigError

VARIABLE = "HALONG_STORE_SECRET"
DEST_VARIABLE = "HALONG_DEST_SECRET"  # of a second InfluxDB that readings are moved to
SUFFIX = "_FILE"


def secret(environment: Mapping[str, str], variable: str = VARIABLE) -> str:
    """ "user:password" or "user:token", "" where there is none. Raises ConfigError."""
    path = environment.get(variable + SUFFIX)
    if environment.get(variable) or not path:
        return environment.get(variable, "")
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigError(f"{variable}{SUFFIX}: cannot read {path}: {error.strerror}") from None


def with_secret(url: str, found: str) -> str:
    """An InfluxDB's address with this secret in it, instead of the one it has; with "" as it is."""
    if not found:
        return url
    user, _, password = found.partition(":")
    parts = urlsplit(url)
    return parts._replace(
        netloc=f"{quote(user, safe='')}:{quote(password, safe='')}@{parts.netloc.rpartition('@')[2]}"
    ).geturl()


def of_command(given: str, *variables: str) -> str:
    """The address of an InfluxDB that a command was given, with the secret of the first variable that is set.

    Raises ConfigError, also for an address with a secret in it.
    """
    names = variables or (VARIABLE,)
    if urlsplit(given).password is not None:
        raise ConfigError(
            f"an address on a command line is seen by every user of this machine: put user:secret into {names[0]},"
            f" or into a file that {names[0]}{SUFFIX} names"
        )
    return with_secret(given, next(filter(None, (secret(os.environ, name) for name in names)), ""))
