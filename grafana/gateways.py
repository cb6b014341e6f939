"""Gateways and buses: who is there, what waits, whose clock is right, which port has trouble. Pure."""

from functools import partial

from grafana import vital_queries as vitals
from grafana.annotations import OF_SITES
from grafana.looks import bilingual
from grafana.model import TAG, Dashboard, Row
from grafana.variables import DS, GATEWAY, SITE
from grafana.vital_panels import count, figures, good_or_not, rates, table

_figures = partial(figures, alias="$tag_gateway")
_rates = partial(rates, alias="$tag_gateway $tag_port", interval="20s")
_good_or_not = partial(good_or_not, alias="$tag_gateway")

_NOW = Row(
    bilingual("Now", "Hiện tại"),
    (
        count(
            "Gateways offline",
            "Trạm mất kết nối",
            vitals.offline(),
            "offline",
            width=4,
            height=10,
            description="Of the chosen sites, by the newest word of each. · Theo tin mới nhất của mỗi trạm.",
        ),
        table(
            "Each gateway",
            "Từng trạm thu",
            vitals.gateway_table(),
            (
                ("online", "Online", "Trực tuyến", "short"),
                ("heard_s", "Heard", "Tin cuối", "s"),
                ("sensors", "Sensors", "Cảm biến", "short"),
                ("silent", "Silent", "Im lặng", "short"),
                ("ports_down", "Ports down", "Cổng hỏng", "short"),
                ("clock", "Clock trusted", "Đồng hồ tin cậy", "short"),
                ("ahead_s", "Clock ahead", "Đồng hồ lệch", "s"),
                ("oldest_s", "Oldest waiting", "Chờ lâu nhất", "s"),
                ("backlog", "Packs waiting", "Gói chờ", "short"),
            ),
            by=("gateway",),
            width=20,
            description="`online` 1 or 0; ages in seconds; `clock` 1: trusted. · 1: có, 0: không.",
        ),
        _good_or_not(
            "Online over time",
            "Trực tuyến theo thời gian",
            vitals.gateway_figure("online", "min"),
            height=10,
            description="Red: not heard, or its farewell. · Đỏ: không còn tín hiệu.",
        ),
    ),
)
_BACKLOG = Row(
    bilingual("Backlog", "Dữ liệu chờ gửi"),
    (
        _figures(
            "Packs that wait",
            "Số gói chờ",
            vitals.gateway_figure("backlog"),
            description="Packs in the journal that are not acknowledged. · Gói trong nhật ký chưa được xác nhận.",
        ),
        _figures(
            "Age of the oldest that waits",
            "Tuổi gói chờ lâu nhất",
            vitals.gateway_figure("oldest_s"),
            unit="s",
        ),
        _figures(
            "Packs given up",
            "Gói đã bỏ",
            vitals.gateway_figure("given_up"),
            steps=((1.0, "red"),),
            description="Removed unacknowledged from a full journal: lost. · Bị xóa khi nhật ký đầy: đã mất.",
        ),
        _figures("Packs set aside", "Gói để riêng", vitals.gateway_figure("set_aside")),
    ),
)
_CLOCK = Row(
    bilingual("Clock", "Đồng hồ"),
    (
        _good_or_not(
            "Clock is trusted",
            "Đồng hồ đáng tin",
            vitals.gateway_figure("clock", "min"),
            height=8,
            description="Red: readings wait until a time is trusted. · Đỏ: chờ thời gian tin cậy.",
        ),
        _figures(
            "Readings without a date",
            "Bản đọc chưa có thời gian",
            vitals.gateway_figure("undated"),
            width=24,
        ),
    ),
)
_PORTS = Row(
    bilingual("Buses and ports", "Cổng và đường truyền"),
    (
        _rates("Good frames", "Khung tốt", vitals.port_rate("frames")),
        _rates("Bad frames", "Khung lỗi", vitals.port_rate("bad"), decimals=2),
        table(
            "Each port",
            "Từng cổng",
            vitals.port_table(),
            (
                ("up", "Up", "Hoạt động", "short"),
                ("frames", "Frames", "Khung", "short"),
                ("readings", "Readings", "Số bản đọc", "short"),
                ("lost", "Times lost", "Số lần mất", "short"),
                ("bad", "Bad", "Khung lỗi", "short"),
            ),
            by=("gateway", "port"),
            description="Counters since the agent's start; at most 32 ports a gateway, those in trouble first. · "
            "Bộ đếm từ khi khởi động; tối đa 32 cổng mỗi trạm.",
        ),
    ),
)

GATEWAYS = Dashboard(
    uid="halong-gateways",
    title=bilingual("Hạ Long: gateways and buses", "Trạm thu và đường truyền"),
    description="What gateways say of themselves, written by the hub. · Trạng thái các trạm thu do trung tâm ghi lại.",
    tags=(TAG,),
    since="now-3h",
    refresh="30s",
    variables=(DS, SITE, GATEWAY),
    annotations=OF_SITES,
    rows=(_NOW, _BACKLOG, _CLOCK, _PORTS),
)
