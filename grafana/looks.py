"""How panels look: units, colours, charts, legends. Pure."""

from collections.abc import Sequence

from grafana.model import Json
from telemetry.quantities import Quantity

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
    "mm": "lengthmm",
    "m": "lengthm",
    "lx": "suffix: lx",
    "W/m2": "suffix: W/m²",
    "%EL": "percent",
    "count": "short",
}
BASE_COLOUR = "green"
GAP_MS = 300_000  # a line is drawn over a shorter silence
Steps = Sequence[tuple[float, str]]


def bilingual(english: str, vietnamese: str) -> str:
    """Both in one line."""
    return english if english == vietnamese else f"{english} · {vietnamese}"


def thresholds(steps: Steps, base: str = BASE_COLOUR) -> Json:
    """`base` below the first of `steps`, (value, colour) from that value on."""
    return {
        "mode": "absolute",
        "steps": [
            {"color": base, "value": None},
            *({"color": colour, "value": value} for value, colour in steps),
        ],
    }


def chart(unit: str, *, steps: Steps = (), draw: str = "line", stacked: bool = False) -> dict[str, object]:
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
        "thresholds": thresholds(steps),
        "unit": unit,
    }


def chart_options(calculations: Sequence[str]) -> Json:
    """`options` of a time series; the legend gives `calculations` of each line."""
    return {
        "legend": {
            "calcs": list(calculations),
            "displayMode": "list",
            "placement": "bottom",
            "showLegend": True,
        },
        "tooltip": {"mode": "multi", "sort": "desc"},
    }


def heading(shown: Quantity, english: str = "", vietnamese: str = "") -> str:
    """A quantity's title in both languages, with words after it."""
    return bilingual(shown.title + english, shown.title_vi + vietnamese)
