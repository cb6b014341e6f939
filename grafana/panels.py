"""The kinds of panel the dashboards are made of. Titles, units and decimals come from the catalogue of quantities. Pure."""

from collections.abc import Sequence

from grafana import queries
from grafana.looks import BASE_COLOUR, UNITS, Steps, bilingual, chart, chart_options, heading, thresholds
from grafana.model import Json, Panel
from telemetry.quantities import quantity

SENSOR = "halong-sensor"  # the dashboard of one sensor
SENSOR_LINK: Json = {
    "title": bilingual("This sensor", "Cảm biến này"),
    "url": f"/d/{SENSOR}?var-sensor=${{__field.labels.sensor}}&${{ds:queryparam}}&${{__url_time_range}}",
}


def over_time(
    name: str,
    *,
    width: int,
    title: str = "",
    description: str = "",
    steps: Steps = (),
    draw: str = "line",
    interval: str = "",
    points: int | None = None,
    low: float | None = None,
    high: float | None = None,
    query: str = "",
) -> Panel:
    """The quantity's own mean of each window, a line for each sensor, or what `query` gives. `steps` are drawn as dashed lines.

    Raises UnknownQuantityError, and KeyError for a unit that has no Grafana unit here.
    """
    shown = quantity(name)
    limits: dict[str, object] = {"decimals": shown.decimals, "min": low, "max": high}
    return Panel(
        title or heading(shown),
        "timeseries",
        query or queries.windows(name),
        width,
        8,
        alias="$tag_sensor",
        description=description,
        interval=interval,
        points=points,
        defaults=chart(UNITS[shown.unit], steps=steps, draw=draw)
        | {key: value for key, value in limits.items() if value is not None}
        | {"links": [SENSOR_LINK]},
        options=chart_options(["lastNotNull"]),
    )


def newest(
    name: str, *, width: int, height: int, steps: Steps, base: str = BASE_COLOUR, description: str
) -> Panel:
    """A tile for each sensor with its newest reading, coloured by `steps`. Raises as `over_time`."""
    shown = quantity(name)
    return tiles(
        heading(shown, ", newest", ", mới nhất"),
        queries.newest(name),
        width=width,
        height=height,
        unit=UNITS[shown.unit],
        decimals=shown.decimals,
        steps=steps,
        base=base,
        description=description,
    )


def tiles(
    title: str,
    query: str,
    *,
    width: int,
    height: int,
    unit: str,
    decimals: int,
    steps: Steps,
    description: str,
    base: str = BASE_COLOUR,
    alias: str = "$tag_sensor",
    since: str = "",
    none: str = "",
) -> Panel:
    """A tile for each series with its last value, coloured by `steps`; `none` stands there without a series."""
    defaults: dict[str, object] = {
        "color": {"mode": "thresholds"},
        "decimals": decimals,
        "links": [SENSOR_LINK] if alias == "$tag_sensor" else [],
        "thresholds": thresholds(steps, base),
        "unit": unit,
    }
    return Panel(
        title,
        "stat",
        query,
        width,
        height,
        alias=alias,
        description=description,
        since=since,
        defaults=defaults | ({"noValue": none} if none else {}),
        options={
            "colorMode": "background_solid",
            "graphMode": "none",
            "justifyMode": "auto",
            "orientation": "auto",
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
            "textMode": "value_and_name",
        },
    )


def counted(
    title: str, query: str, *, alias: str, width: int, description: str, none: str, points: int = 100
) -> Panel:
    """Stacked bars of whole numbers for each window; `none` is what stands there when nothing was counted."""
    return Panel(
        title,
        "timeseries",
        query,
        width,
        8,
        alias=alias,
        description=description,
        interval="1m",
        points=points,
        defaults=chart("short", draw="bars", stacked=True) | {"decimals": 0, "min": 0, "noValue": none},
        options=chart_options(["sum"]),
    )


def cells(
    title: str,
    query: str,
    *,
    steps: Steps,
    base: str,
    unit: str,
    description: str,
    alias: str = "$tag_sensor",
    interval: str = "1m",
    points: int = 60,
    since: str = "",
    height: int = 10,
    decimals: int = 0,
) -> Panel:
    """A line of cells for each series, a cell for each window, coloured by `steps`."""
    return Panel(
        title,
        "status-history",
        query,
        24,
        height,
        alias=alias,
        description=description,
        interval=interval,
        points=points,
        since=since,
        defaults={
            "color": {"mode": "thresholds"},
            "custom": {"fillOpacity": 80, "lineWidth": 0},
            "decimals": decimals,
            "thresholds": thresholds(steps, base),
            "unit": unit,
        },
        options={
            "colWidth": 0.9,
            "legend": {"calcs": [], "displayMode": "list", "placement": "bottom", "showLegend": False},
            "perPage": 30,
            "rowHeight": 0.9,
            "showValue": "never",
            "tooltip": {"mode": "single", "sort": "none"},
        },
    )


def presence(title: str, query: str, *, description: str) -> Panel:
    """A line of cells for each series, red where a window's number is 0."""
    return cells(
        title,
        query,
        steps=((1, "green"),),
        base="red",
        unit="short",
        description=description,
        alias="$tag_sensor $m",
        height=14,
    )


def sensor_table(
    title: str,
    query: str,
    *,
    width: int,
    description: str,
    columns: Sequence[tuple[str, str, str, str]],
    descending: bool,
    by: Sequence[str] = ("sensor",),
) -> Panel:
    """A line for each sensor (or each combination of the tags `by`), sorted by the last column.

    `columns` are (column of the query, calculation over the sensor's rows, heading, unit).
    """
    fields: dict[str, object] = {tag: {"aggregations": [], "operation": "groupby"} for tag in by}
    for column, calculation, _, _ in columns:
        fields[column] = {"aggregations": [calculation], "operation": "aggregate"}
    overrides = [
        {
            "matcher": {"id": "byName", "options": f"{column} ({calculation})"},
            "properties": [{"id": "displayName", "value": heading}, {"id": "unit", "value": unit}],
        }
        for column, calculation, heading, unit in columns
    ]
    return Panel(
        title,
        "table",
        query,
        width,
        10,
        table=True,
        description=description,
        defaults={"custom": {"align": "auto", "filterable": True}},
        overrides=overrides,
        options={
            "cellHeight": "sm",
            "showHeader": True,
            "sortBy": [{"desc": descending, "displayName": columns[-1][2]}],
        },
        transformations=[{"id": "groupBy", "options": {"fields": fields}}],
    )
