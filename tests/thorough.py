"""How much is tried: `make fuzz` tries twenty times what the quick tier does, of everything drawn by chance.

Hypothesis counts its own examples by default (100); a test with another number asks `examples`, worlds made from seeds multiply
by `TIMES` and bear the mark `fuzz`.
"""

import os

from hypothesis import settings

DEFAULT = 100
TIMES = 20 if os.environ.get("HALONG_HYPOTHESIS") == "fuzz" else 1


def examples(quick: int) -> settings:
    """So many examples in the quick tier. A busy machine is no error: no deadline."""
    return settings(max_examples=quick * TIMES, deadline=None)
