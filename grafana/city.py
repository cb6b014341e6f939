"""The city over the hub's own API, for the embedded store: what is open, the air, gateways, newest values, one site. Pure."""

from collections.abc import Sequence
from dataclasses import replace

from grafana import infinity
from grafana.infinity import Column, choice, target
from grafana.limits import AQI_STEPS, GOOD, NOISE_STEPS, PM25_BANDS
from grafana.looks import UNITS, Steps, bilingual, chart, chart_options, heading, thresholds
from grafana.model import TAG, Dashboard, Json, Panel, Row
from telemetry.quantities import quantity

_RANGE = (("start", "${__from}"), ("end", "${__to}"))
_SITE = ("site", "${site}")


def _panel(title: str, plugin: str, asked: Json, width: int, height: int, description: str = "") -> Panel:
    return Panel(
        title, plugin, "", width, height, description=description, source=infinity.SOURCE, asked=asked
    )


def _table(
    title: str,
    path: str,
    columns: Sequence[Column],
    width: int,
    *,
    words: Sequence[tuple[str, str]] = (),
    description: str = "",
) -> Panel:
    panel = _panel(title, "table", target(path, columns, words=words), width, 9, description)
    return replace(
        panel,
        defaults={"custom": {"align": "auto", "filterable": True}},
        options={"cellHeight": "sm", "showHeader": True},
    )


def _air() -> Panel:
    columns = (Column("name", "site"), Column("vn_aqi", "VN_AQI", "number"))
    panel = _panel(
        bilingual("VN_AQI now", "VN_AQI hiện tại"),
        "stat",
        target("/v1/aqi", columns, words=(("by", "site"),)),
        24,
        5,
        "Empty where dust is missing in two of the last three hours. · Trống khi thiếu bụi trong hai của ba giờ gần nhất.",
    )
    return replace(
        panel,
        defaults={
            "color": {"mode": "thresholds"},
            "decimals": 0,
            "noValue": "–",
            "thresholds": thresholds(AQI_STEPS, GOOD),
            "unit": "short",
        },
        options={
            "colorMode": "background_solid",
            "graphMode": "none",
            "reduceOptions": {"calcs": [], "fields": "/^VN_AQI$/", "values": True},
            "textMode": "value_and_name",
        },
    )


def _over_time(name: str, steps: Steps = ()) -> Panel:
    """The quantity's own mean of five minutes, a line for each sensor of the chosen site."""
    shown = quantity(name)
    columns = (
        Column("start", "time", "time"),
        Column("sensor", "sensor"),
        Column("value", "value", "number"),
    )
    words = (("quantity", name), _SITE, ("window", "PT5M"), *_RANGE)
    panel = _panel(
        heading(shown), "timeseries", target("/v1/aggregate", columns, words=words, series=True), 12, 8
    )
    return replace(
        panel,
        defaults=chart(UNITS[shown.unit], steps=steps) | {"decimals": shown.decimals},
        options=chart_options(["lastNotNull"]),
    )


_OPEN = Row(
    bilingual("Open now", "Đang mở"),
    (
        _table(
            bilingual("Alarms", "Cảnh báo"),
            "/v1/alarms",
            (
                Column("start", "since · từ", "time"),
                Column("severity", "severity · mức"),
                Column("site", "site · địa điểm"),
                Column("state", "state · trạng thái"),
                Column("text", "what"),
                Column("text_vi", "nội dung"),
            ),
            24,
            words=(("state", "open"),),
            description="What nobody looks after yet. · Chưa có ai nhận xử lý.",
        ),
        _table(
            bilingual("Gateways", "Trạm thu"),
            "/v1/gateways",
            (
                Column("id", "gateway · trạm"),
                Column("site.name", "site · địa điểm"),
                Column("online", "online · trực tuyến"),
                Column("last_seen", "heard · tin cuối", "time"),
                Column("sensors", "sensors · cảm biến", "number"),
                Column("backlog", "packs waiting · gói chờ", "number"),
            ),
            14,
        ),
        _table(
            bilingual("Sensors silent", "Cảm biến im lặng"),
            "/v1/sensors",
            (
                Column("name", "sensor · cảm biến"),
                Column("site", "site · địa điểm"),
                Column("last", "last · lần cuối", "time"),
            ),
            10,
            words=(("state", "silent"),),
        ),
    ),
)
_COMPLETE = Row(
    bilingual("Completeness", "Độ đầy đủ"),
    (
        _table(
            bilingual("Each site, the last 24 hours", "Từng địa điểm, 24 giờ qua"),
            "/v1/completeness",
            (
                Column("site", "site · địa điểm"),
                Column("completeness", "completeness · đầy đủ", "number"),
                Column("expected", "expected · dự kiến", "number"),
                Column("stored", "stored · đã lưu", "number"),
                Column("pending", "pending · chưa đến", "number"),
                Column("lost", "lost · mất", "number"),
            ),
            24,
            words=(("by", "site"), ("per", "range")),
        ),
    ),
)
_ONE_SITE = Row(
    bilingual("The chosen site", "Địa điểm đã chọn"),
    (
        _table(
            bilingual("Newest values", "Giá trị mới nhất"),
            "/v1/latest",
            (
                Column("sensor", "sensor · cảm biến"),
                Column("quantity", "quantity · đại lượng"),
                Column("value", "value · giá trị", "number"),
                Column("unit", "unit · đơn vị"),
                Column("time", "time · thời gian", "time"),
            ),
            24,
            words=(_SITE,),
        ),
        _over_time("pm25", PM25_BANDS[:3]),
        _over_time("noise_level", NOISE_STEPS),
        _over_time("temperature"),
        _over_time("humidity"),
    ),
)

CITY_DASHBOARD = Dashboard(
    uid="halong-city",
    title=bilingual("Hạ Long: the city, by the API", "Thành phố, qua API"),
    description="For a hub with the embedded store. Needs the Infinity data source. · Dành cho kho nhúng; cần nguồn Infinity.",
    tags=(TAG,),
    since="now-6h",
    refresh="1m",
    variables=(
        choice(
            "site",
            bilingual("Site", "Địa điểm"),
            "/v1/sites",
            (Column("name", "__text"), Column("id", "__value")),
        ),
    ),
    rows=(Row("VN_AQI", (_air(),)), _OPEN, _COMPLETE, _ONE_SITE),
)
