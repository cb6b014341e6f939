"""InfluxQL of the dashboards, with Grafana's macros and variables still in it. Pure.

One statement each, in the subset InfluxDB 1.6 to 3 share, each SELECT bounded in time. Grafana replaces `$timeFilter`
and `$__interval`, and puts a regular expression in the place of `$site` and `$sensor`.
"""

import math
from collections.abc import Sequence

from storage.influxql import EVERY_QUANTITY, identifier
from telemetry.quantities import QUANTITIES, Aggregate, quantity

# A sensor that has been silent for longer is not offered, but `All` still shows it. Not $timeFilter: some releases of
# Grafana 10 leave it as it is in a variable. Not unbounded: InfluxDB 3 would look back 24 h by itself.
OFFERED_FOR = "time > now() - 24h"
_SELECTED = '$timeFilter AND "site" =~ /^$site$/ AND "sensor" =~ /^$sensor$/'
_WINDOW = 'GROUP BY time($__interval), "sensor"'

_SIMPLE = {Aggregate.MEAN: 'mean("value")', Aggregate.SUM: 'sum("value")'}
# For each reading, then over the window. exp, because 1.6 cuts pow(10, …) of a subquery down to whole numbers.
_NESTED = {
    Aggregate.ENERGY_MEAN: (f'exp("value" * {math.log(10) / 10!r}) AS "x"', '10 * log10(mean("x"))'),
    Aggregate.VECTOR_MEAN: (
        f'sin("value" * {math.pi / 180!r}) AS "x", cos("value" * {math.pi / 180!r}) AS "y"',
        f'(atan2(mean("x"), mean("y")) * {180 / math.pi!r} + 360) % 360',
    ),
    Aggregate.INCREASE: ('non_negative_difference("value") AS "x"', 'sum("x")'),
}


def windows(name: str) -> str:
    """What "the mean of it" is of a quantity, for each window and sensor; null where there was no reading.

    As `telemetry.aggregates`, but for two things: directions that cancel out give any angle, not none; and an increase
    is of neighbouring readings, so that a step over the edge of a window belongs to the later one and one at a reset
    counts nothing. Raises UnknownQuantityError.
    """
    function = quantity(name).aggregate
    source = f"FROM {identifier(name)} WHERE {_SELECTED}"
    if function in _NESTED:
        inner, outer = _NESTED[function]
        source = f'FROM (SELECT {inner} {source} GROUP BY "sensor") WHERE $timeFilter'
    else:
        outer = _SIMPLE[function]
    return f"SELECT {outer} {source} {_WINDOW} fill(null)"


def range_mean(name: str) -> str:
    """What "the mean of it" is over the whole time range, of each sensor. Raises UnknownQuantityError."""
    return windows(name).removesuffix(f"{_WINDOW} fill(null)") + 'GROUP BY "sensor"'


def percentile(name: str, share: int) -> str:
    """What `share` percent (50 or more) of the readings of each window and sensor do not exceed.

    Of a smaller share few readings have none, and 1.6 then leaves out the whole sensor.
    """
    source = identifier(quantity(name).name)
    return f'SELECT percentile("value", {share}) FROM {source} WHERE {_SELECTED} {_WINDOW} fill(null)'


def largest(name: str) -> str:
    """The largest reading of each window and sensor."""
    source = identifier(quantity(name).name)
    return f'SELECT max("value") FROM {source} WHERE {_SELECTED} {_WINDOW} fill(null)'


def distribution(name: str, shares: Sequence[int]) -> str:
    """(start, readings, p10, …, largest) of each sensor in the time range: one column for each percentile of `shares`."""
    source = identifier(quantity(name).name)
    columns = [f'percentile("value", {share}) AS "p{share}"' for share in shares]
    wanted = ", ".join(['count("value") AS "readings"', *columns, 'max("value") AS "largest"'])
    return f'SELECT {wanted} FROM {source} WHERE {_SELECTED} GROUP BY "sensor"'


def readings(name: str, by: str = "sensor") -> str:
    """How many readings of one quantity in each window, for each `by` (sensor or site)."""
    source = identifier(quantity(name).name)
    return f'SELECT count("value") FROM {source} WHERE {_SELECTED} GROUP BY time($__interval), "{by}" fill(0)'


def each_quantity() -> str:
    """(start, last, smallest, largest) of each window of the quantities that `$quantity` names."""
    columns = 'last("value") AS "last", min("value") AS "min", max("value") AS "max"'
    return f"SELECT {columns} FROM /^$quantity$/ WHERE {_SELECTED} {_WINDOW} fill(none)"


def quantities() -> str:
    """The values of the variable `quantity`: what the chosen sensor measures. 1.x refuses a time here, 3 takes 24 hours."""
    known = "|".join(QUANTITIES)
    return f'SHOW MEASUREMENTS WITH MEASUREMENT =~ /^({known})$/ WHERE "sensor" =~ /^$sensor$/'


def newest(name: str) -> str:
    """(time, value) of each sensor's newest reading in the time range. Raises UnknownQuantityError."""
    return f'SELECT last("value") FROM {identifier(quantity(name).name)} WHERE {_SELECTED} GROUP BY "sensor"'


def last_heard() -> str:
    """(time, value) of the newest reading of each sensor and quantity in the time range."""
    return f'SELECT last("value") FROM {EVERY_QUANTITY} WHERE {_SELECTED} GROUP BY "sensor"'


def volume() -> str:
    """How many readings of each quantity in each window."""
    return f'SELECT count("value") FROM {EVERY_QUANTITY} WHERE {_SELECTED} GROUP BY time($__interval) fill(0)'


def heard() -> str:
    """How many readings of each sensor and quantity in each window."""
    return f'SELECT count("value") FROM {EVERY_QUANTITY} WHERE {_SELECTED} {_WINDOW} fill(0)'


def flagged() -> str:
    """How many flagged readings of each sensor and quantity in each window that has any."""
    return (
        f'SELECT count("flags") FROM {EVERY_QUANTITY} WHERE {_SELECTED} AND "flags" > 0 {_WINDOW} fill(none)'
    )


def arrival() -> str:
    """(start, readings, late, delay) of each sensor and quantity in the time range.

    `late` of the readings arrived more than a minute after they were observed, at most `delay` seconds.
    """
    columns = 'count("value") AS "readings", count("late_s") AS "late", max("late_s") AS "delay"'
    return f'SELECT {columns} FROM {EVERY_QUANTITY} WHERE {_SELECTED} GROUP BY "sensor"'


def sites() -> str:
    """The values of the variable `site`."""
    return f'SHOW TAG VALUES FROM {EVERY_QUANTITY} WITH KEY = "site" WHERE {OFFERED_FOR}'


def sensors() -> str:
    """The values of the variable `sensor`: those of the chosen sites."""
    return f'SHOW TAG VALUES FROM {EVERY_QUANTITY} WITH KEY = "sensor" WHERE {OFFERED_FOR} AND "site" =~ /^$site$/'
