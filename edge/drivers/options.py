"""Reading a driver's options: each complaint is one line that names the option. Raises ValueError.

>>> choice({}, "mode", ("active", "passive"))
'active'
"""

from collections.abc import Mapping, Sequence


def only(protocol: str, options: Mapping[str, object], known: Sequence[str] = ()) -> None:
    """Refuse an option the driver has not."""
    for name in options:
        if name not in known:
            has = f"; it has {', '.join(known)}" if known else ""
            raise ValueError(f"{protocol} has no option {name!r}{has}")


def choice(options: Mapping[str, object], name: str, allowed: Sequence[str]) -> str:
    """One of some words; the first when it is not given."""
    value = options.get(name, allowed[0])
    if not isinstance(value, str) or value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(allowed)}, not {value!r}")
    return value


def number(options: Mapping[str, object], name: str, default: float, *, low: float, high: float) -> float:
    """A number from `low` to `high`."""
    value = options.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise ValueError(f"{name} must be a number from {low:g} to {high:g}, not {value!r}")
    return value


def flag(options: Mapping[str, object], name: str) -> bool:
    """True or false; false when it is not given."""
    value = options.get(name, False)
    if value is not True and value is not False:
        raise ValueError(f"{name} must be true or false, not {value!r}")
    return value
