"""Panels about hub, gateways and hours: figures of the system, no readings. Pure."""

from collections.abc import Sequence
from dataclasses import replace

from grafana import vital_queries
from grafana.limits import AQI_STEPS, GOOD
from grafana.looks import Steps, bilingual, chart, chart_options
from grafana.model import Panel
from grafana.panels import cells, sensor_table, tiles

INDEX = (
    "Of each site, as the hub's page has it: NowCast over twelve hours of dust, hourly means of gases (Decision "
    "1459/QĐ-TCMT). None without dust in two of the last three hours. · Của từng địa điểm, như trang của trung tâm; cần bụi "
    "trong hai của ba giờ gần nhất."
)
Column = tuple[str, str, str, str]  # column of the query, heading, in Vietnamese, unit


def figures(
    english: str,
    vietnamese: str,
    query: str,
    *,
    alias: str = "$col",
    width: int = 12,
    unit: str = "short",
    description: str = "",
    interval: str = "",
    draw: str = "line",
    decimals: int = 0,
    high: float | None = None,
    steps: Steps = (),
) -> Panel:
    """A line (or points, or bars) for each series and column of `query`, from zero on."""
    limits = {"decimals": decimals, "min": 0, "max": high}
    return Panel(
        bilingual(english, vietnamese),
        "timeseries",
        query,
        width,
        8,
        alias=alias,
        description=description,
        interval=interval,
        defaults=chart(unit, steps=steps, draw=draw)
        | {key: value for key, value in limits.items() if value is not None},
        options=chart_options(["lastNotNull"]),
    )


def rates(
    english: str, vietnamese: str, query: str, *, alias: str = "$col", interval: str, decimals: int = 1
) -> Panel:
    """Events a second."""
    return figures(
        english, vietnamese, query, alias=alias, unit="suffix:/s", interval=interval, decimals=decimals
    )


def count(
    english: str,
    vietnamese: str,
    query: str,
    word: str,
    *,
    description: str,
    width: int,
    height: int,
    colour: str = "red",
    leads_to: str = "",
) -> Panel:
    """One number that should be 0, `colour` when it is not; a click on it `leads_to` the dashboard with that uid."""
    title = bilingual(english, vietnamese)
    panel = tiles(
        title,
        query,
        width=width,
        height=height,
        unit="short",
        decimals=0,
        steps=((1.0, colour),),
        alias=word,
        description=description,
    )
    if not leads_to:
        return panel
    link = {"title": title, "url": f"/d/{leads_to}?${{ds:queryparam}}&${{__url_time_range}}"}
    return replace(panel, defaults={**panel.defaults, "links": [link]})


def good_or_not(
    english: str, vietnamese: str, query: str, alias: str, *, description: str, height: int
) -> Panel:
    """A line of cells for each series: green where it was 1 all the window long, else red."""
    return cells(
        bilingual(english, vietnamese),
        query,
        steps=((1.0, "green"),),
        base="red",
        unit="short",
        alias=alias,
        height=height,
        description=description,
    )


def table(
    english: str,
    vietnamese: str,
    query: str,
    columns: Sequence[Column],
    *,
    calculation: str = "lastNotNull",
    by: Sequence[str] = ("sensor",),
    width: int = 24,
    description: str,
) -> Panel:
    """A line for each combination of the tags `by`, those with the most in the last column first."""
    return sensor_table(
        bilingual(english, vietnamese),
        query,
        width=width,
        description=description,
        by=by,
        columns=[(name, calculation, bilingual(head, vi), unit) for name, head, vi, unit in columns],
        descending=True,
    )


def index_now(*, width: int) -> Panel:
    """VN_AQI of each site in its official colour."""
    return tiles(
        bilingual("VN_AQI now", "VN_AQI hiện tại"),
        vital_queries.air_now(),
        width=width,
        height=5,
        unit="short",
        decimals=0,
        steps=AQI_STEPS,
        base=GOOD,
        alias="$tag_site",
        since="1h",
        none="no index yet · chưa có chỉ số",
        description=INDEX,
    )


def index_over_time(*, width: int) -> Panel:
    """VN_AQI of each site as it moved."""
    return figures(
        "VN_AQI over time",
        "Diễn biến VN_AQI",
        vital_queries.air("now"),
        alias="$tag_site",
        width=width,
        interval="1m",
        steps=AQI_STEPS[:3],
        description=INDEX,
    )
