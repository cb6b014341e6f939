"""The hint that ends a complaint about an unknown name."""

import pytest

from telemetry.names import COMPARED, LISTED, did_you_mean

CITY = [f"pm-{number:05}" for number in range(10 * COMPARED)]


@pytest.mark.parametrize(
    ("name", "known", "says"),
    [
        ("pm26", ["noise_laeq", "pm25"], "did you mean 'pm25'?"),
        ("rain", ["pm25", "co2"], "known: co2, pm25"),
        ("rain", [], "none is known yet"),
        ("pm-00012x", CITY, "did you mean 'pm-00012'?"),
        ("rain", CITY, f"known: {', '.join(CITY[:LISTED])} and {len(CITY) - LISTED} more"),
    ],
)
def test_the_nearest_name_or_some_of_those_there_are(name: str, known: list[str], says: str) -> None:
    assert did_you_mean(name, known) == says
