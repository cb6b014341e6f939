"""One sensor: everything it measures and how well. Pure."""

from dataclasses import replace

from grafana import queries
from grafana.annotations import OF_SENSOR
from grafana.looks import UNITS, bilingual, chart, chart_options, heading
from grafana.model import TAG, Dashboard, Json, Panel, Row
from grafana.panels import SENSOR, counted, presence, sensor_table, tiles
from grafana.variables import DS, ONE_SENSOR, QUANTITY, SITE
from telemetry.quantities import QUANTITIES, Quantity


def _now() -> Panel:
    panel = tiles(
        bilingual("Newest", "Mới nhất"),
        queries.last_heard(),
        width=24,
        height=5,
        unit="short",
        decimals=1,
        steps=(),
        base="blue",
        alias="$m",
        description="The newest reading of each quantity in the time range. · Bản đọc mới nhất của từng đại lượng.",
    )
    named = [
        {
            "matcher": {"id": "byName", "options": name},
            "properties": [{"id": "displayName", "value": heading(shown)}, *_scale(shown)],
        }
        for name, shown in QUANTITIES.items()
    ]
    return replace(panel, overrides=named)


def _over_time() -> Panel:
    spread = {
        "matcher": {"id": "byRegexp", "options": "/ (min|max)$/"},
        "properties": [{"id": "custom.lineStyle", "value": {"dash": [2, 6], "fill": "dash"}}],
    }
    return Panel(
        "$quantity",
        "timeseries",
        queries.each_quantity(),
        24,
        8,
        alias="$m $col",
        repeat="quantity",
        description="The last reading of each window; dotted the smallest and the largest. · Bản đọc cuối mỗi khoảng; "
        "nét chấm là nhỏ nhất và lớn nhất.",
        defaults=chart("short"),
        overrides=[*_named("{} "), spread],
        options=chart_options(["min", "max", "lastNotNull"]),
    )


def _named(pattern: str) -> list[Json]:
    """Unit and decimals of each quantity, for series whose name begins with `pattern`."""
    return [
        {
            "matcher": {"id": "byRegexp", "options": f"/^{pattern.format(name)}/"},
            "properties": _scale(shown),
        }
        for name, shown in QUANTITIES.items()
    ]


def _scale(shown: Quantity) -> list[Json]:
    return [{"id": "unit", "value": UNITS[shown.unit]}, {"id": "decimals", "value": shown.decimals}]


ONE_SENSOR_DASHBOARD = Dashboard(
    uid=SENSOR,
    title=bilingual("Hạ Long: one sensor", "Một cảm biến"),
    description="Everything a sensor measures. · Mọi đại lượng của một cảm biến.",
    tags=(TAG,),
    since="now-6h",
    refresh="1m",
    variables=(DS, SITE, ONE_SENSOR, QUANTITY),
    annotations=OF_SENSOR,
    rows=(
        Row(bilingual("Now", "Hiện tại"), (_now(),)),
        Row(bilingual("Over time", "Diễn biến"), (_over_time(),)),
        Row(
            bilingual("How well it is measured", "Chất lượng đo"),
            (
                counted(
                    bilingual("Readings", "Số bản đọc"),
                    queries.volume(),
                    alias="$m",
                    width=12,
                    none="no readings · không có",
                    description="Readings of each quantity in each window. · Số bản đọc mỗi khoảng.",
                ),
                counted(
                    bilingual("Flagged readings", "Bản đọc bị đánh dấu"),
                    queries.flagged(),
                    alias="$m",
                    width=12,
                    none="nothing flagged · không có",
                    description="Out of range, spike, stuck, moved in time. · Ngoài dải, gai, kẹt, dời thời gian.",
                ),
                sensor_table(
                    bilingual("Late readings", "Bản đọc đến trễ"),
                    queries.arrival(),
                    width=24,
                    description="Late: arrived more than a minute after it was observed. · Đến sau hơn một phút.",
                    columns=(
                        ("readings", "sum", bilingual("Readings", "Số bản đọc"), "short"),
                        ("delay", "max", bilingual("Largest delay", "Trễ nhất"), "s"),
                        ("late", "sum", bilingual("Late", "Trễ"), "short"),
                    ),
                    descending=True,
                ),
                presence(
                    bilingual("Presence", "Có mặt"),
                    queries.heard(),
                    description="Red: no reading in the window. · Đỏ: không có bản đọc.",
                ),
            ),
        ),
    ),
)
