"""The kinds of panel the dashboards are made of. Titles, units and decimals come from the catalogue of quantities. Pure."""

from collections.abc import Sequence

from grafana import queries
from grafana.model import Json, Panel
from telemetry.quantities import quantity

# SenML unit -> Grafana's id of the unit
UNITS = {
    "ug/m3": "con\N{GREEK SMALL LETTER MU}gm3",
    "ppm": "ppm",
    "Cel": "celsius",
    "%RH": "humidity",
    "hPa": "pressurehpa",
    "dB": "dB",
    "m/s": "velocityms",
    "deg": "degree",
    "km/h": "velocitykmh",
    "%": "percent",
    "V": "volt",
    "A": "amp",
    "W": "watt",
    "kWh": "kwatth",
}
BASE_COLOUR = "green"
GAP_MS = 300_000  # a line is drawn over a shorter silence
Steps = Sequence[tuple[float, str]]


def bilingual(english: str, vietnamese: str) -> str:
    """Both in one line."""
    return english if english == vietnamese else f"{english} · {vietnamese}"


def _thresholds(steps: Steps, base: str = BASE_COLOUR) -> Json:
    return {
        "mode": "absolute",
        "steps": [
            {"color": base, "value": None},
            *({"color": colour, "value": value} for value, colour in steps),
        ],
    }


def _chart(unit: str, *, steps: Steps = (), draw: str = "line", stacked: bool = False) -> dict[str, object]:
    """`fieldConfig.defaults` of a time series; `draw` is line, bars or points."""
    return {
        "color": {"mode": "palette-classic-by-name"},  # a sensor has the same colour in every panel
        "custom": {
            "axisPlacement": "auto",
            "drawStyle": draw,
            "fillOpacity": 60 if draw == "bars" else 0,
            "lineInterpolation": "linear",
            "lineWidth": 1,
            "pointSize": 4,
            "showPoints": "always" if draw == "points" else "auto",
            "spanNulls": GAP_MS if draw == "line" else False,
            "stacking": {"group": "A", "mode": "normal" if stacked else "none"},
            "thresholdsStyle": {"mode": "dashed" if steps else "off"},
        },
        "thresholds": _thresholds(steps),
        "unit": unit,
    }


def _chart_options(calculations: Sequence[str]) -> Json:
    return {
        "legend": {
            "calcs": list(calculations),
            "displayMode": "list",
            "placement": "bottom",
            "showLegend": True,
        },
        "tooltip": {"mode": "multi", "sort": "desc"},
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
) -> Panel:
    """The quantity's own mean of each window, a line for each sensor. `steps` are drawn as dashed lines.

    Raises UnknownQuantityError, and KeyError for a unit that has no Grafana unit here.
    """
    shown = quantity(name)
    limits: dict[str, object] = {"decimals": shown.decimals, "min": low, "max": high}
    return Panel(
        title or bilingual(shown.title, shown.title_vi),
        "timeseries",
        queries.windows(name),
        width,
        8,
        alias="$tag_sensor",
        description=description,
        interval=interval,
        points=points,
        defaults=_chart(UNITS[shown.unit], steps=steps, draw=draw)
        | {key: value for key, value in limits.items() if value is not None},
        options=_chart_options(["lastNotNull"]),
    )


def newest(
    name: str, *, width: int, height: int, steps: Steps, base: str = BASE_COLOUR, description: str
) -> Panel:
    """A tile for each sensor with its newest reading, coloured by `steps`. Raises as `over_time`."""
    shown = quantity(name)
    return Panel(
        bilingual(f"{shown.title}, newest", f"{shown.title_vi}, mới nhất"),
        "stat",
        queries.newest(name),
        width,
        height,
        alias="$tag_sensor",
        description=description,
        defaults={
            "color": {"mode": "thresholds"},
            "decimals": shown.decimals,
            "thresholds": _thresholds(steps, base),
            "unit": UNITS[shown.unit],
        },
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
        defaults=_chart("short", draw="bars", stacked=True) | {"decimals": 0, "min": 0, "noValue": none},
        options=_chart_options(["sum"]),
    )


def presence(title: str, query: str, *, description: str) -> Panel:
    """A line of cells for each series, red where a window's number is 0."""
    return Panel(
        title,
        "status-history",
        query,
        24,
        14,
        alias="$tag_sensor $m",
        description=description,
        interval="1m",
        points=60,
        defaults={
            "color": {"mode": "thresholds"},
            "custom": {"fillOpacity": 80, "lineWidth": 0},
            "decimals": 0,
            "thresholds": _thresholds([(1, "green")], "red"),
            "unit": "short",
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


def sensor_table(
    title: str,
    query: str,
    *,
    width: int,
    description: str,
    columns: Sequence[tuple[str, str, str, str]],
    descending: bool,
) -> Panel:
    """A line for each sensor, sorted by the last column.

    `columns` are (column of the query, calculation over the sensor's rows, heading, unit).
    """
    fields: dict[str, object] = {"sensor": {"aggregations": [], "operation": "groupby"}}
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
