"""The known name that is nearest to an unknown one. Pure."""

import difflib
from collections.abc import Iterable

COMPARED = 500  # names: comparing with every name of a large city takes long
LISTED = 20


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The end of a complaint about an unknown name.

    >>> did_you_mean("pm26", ["noise_laeq", "pm25"])
    "did you mean 'pm25'?"
    >>> did_you_mean("rain", ("pm25", "co2"))
    'known: co2, pm25'
    """
    names = sorted(map(str, known))
    compared = names
    if len(names) > COMPARED:
        compared = [other for other in names if other[:3] == name[:3]][:COMPARED] or names[:COMPARED]
    near = difflib.get_close_matches(name, compared, n=1)
    if near:
        return f"did you mean {near[0]!r}?"
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return f"known: {', '.join(names[:LISTED])}{more}" if names else "none is known yet"
