"""Gateways and buses: who is there, what waits, whose clock is right, which port has trouble. Pure."""

from grafana import vital_queries as vitals
from grafana.annotations import ANOMALIES
from grafana.looks import bilingual
from grafana.model import TAG, Dashboard, Row
from grafana.panels import cells, lines, sensor_table, tiles
from grafana.variables import DS, GATEWAY, SITE

_STATE = ((1.0, "green"),)

GATEWAYS = Dashboard(
    uid="halong-gateways",
    title=bilingual("Hạ Long: gateways and buses", "Trạm thu và đường truyền"),
    description="What gateways say of themselves, written by the hub. · Trạng thái các trạm thu do trung tâm ghi lại.",
    tags=(TAG,),
    since="now-3h",
    refresh="30s",
    variables=(DS, SITE, GATEWAY),
    annotations=(ANOMALIES,),
    rows=(
        Row(
            bilingual("Now", "Hiện tại"),
            (
                tiles(
                    bilingual("Gateways offline", "Trạm mất kết nối"),
                    vitals.offline(),
                    width=4,
                    height=10,
                    unit="short",
                    decimals=0,
                    steps=((1.0, "red"),),
                    alias="offline",
                    description="Of the chosen sites, by the newest word of each. · Theo tin mới nhất của mỗi trạm.",
                ),
                sensor_table(
                    bilingual("Each gateway", "Từng trạm thu"),
                    vitals.gateway_table(),
                    width=20,
                    description="`online` 1 or 0; ages in seconds; `clock` 1: trusted. · 1: có, 0: không.",
                    by=("gateway",),
                    columns=(
                        ("online", "lastNotNull", bilingual("Online", "Trực tuyến"), "short"),
                        ("heard_s", "lastNotNull", bilingual("Heard", "Tin cuối"), "s"),
                        ("sensors", "lastNotNull", bilingual("Sensors", "Cảm biến"), "short"),
                        ("silent", "lastNotNull", bilingual("Silent", "Im lặng"), "short"),
                        ("ports_down", "lastNotNull", bilingual("Ports down", "Cổng hỏng"), "short"),
                        ("clock", "lastNotNull", bilingual("Clock trusted", "Đồng hồ tin cậy"), "short"),
                        ("ahead_s", "lastNotNull", bilingual("Clock ahead", "Đồng hồ lệch"), "s"),
                        ("oldest_s", "lastNotNull", bilingual("Oldest waiting", "Chờ lâu nhất"), "s"),
                        ("backlog", "lastNotNull", bilingual("Packs waiting", "Gói chờ"), "short"),
                    ),
                    descending=True,
                ),
                cells(
                    bilingual("Online over time", "Trực tuyến theo thời gian"),
                    vitals.gateway_figure("online", "min"),
                    steps=_STATE,
                    base="red",
                    unit="short",
                    alias="$tag_gateway",
                    description="Red: not heard, or its farewell. · Đỏ: không còn tín hiệu.",
                ),
            ),
        ),
        Row(
            bilingual("Backlog", "Dữ liệu chờ gửi"),
            (
                lines(
                    bilingual("Packs that wait", "Số gói chờ"),
                    vitals.gateway_figure("backlog"),
                    width=12,
                    unit="short",
                    alias="$tag_gateway",
                    description="Packs in the journal that are not acknowledged. · Gói trong nhật ký chưa được xác nhận.",
                ),
                lines(
                    bilingual("Age of the oldest that waits", "Tuổi gói chờ lâu nhất"),
                    vitals.gateway_figure("oldest_s"),
                    width=12,
                    unit="s",
                    alias="$tag_gateway",
                ),
                lines(
                    bilingual("Packs given up", "Gói đã bỏ"),
                    vitals.gateway_figure("given_up"),
                    width=12,
                    unit="short",
                    alias="$tag_gateway",
                    steps=((1.0, "red"),),
                    description="Removed unacknowledged from a full journal: lost. · Bị xóa khi nhật ký đầy: đã mất.",
                ),
                lines(
                    bilingual("Packs set aside", "Gói để riêng"),
                    vitals.gateway_figure("set_aside"),
                    width=12,
                    unit="short",
                    alias="$tag_gateway",
                ),
            ),
        ),
        Row(
            bilingual("Clock", "Đồng hồ"),
            (
                cells(
                    bilingual("Clock is trusted", "Đồng hồ đáng tin"),
                    vitals.gateway_figure("clock", "min"),
                    steps=_STATE,
                    base="red",
                    unit="short",
                    alias="$tag_gateway",
                    height=8,
                    description="Red: readings wait until a time is trusted. · Đỏ: chờ thời gian tin cậy.",
                ),
                lines(
                    bilingual("Readings without a date", "Bản đọc chưa có thời gian"),
                    vitals.gateway_figure("undated"),
                    width=24,
                    unit="short",
                    alias="$tag_gateway",
                ),
            ),
        ),
        Row(
            bilingual("Buses and ports", "Cổng và đường truyền"),
            (
                lines(
                    bilingual("Good frames", "Khung tốt"),
                    vitals.port_rate("frames"),
                    width=12,
                    unit="suffix:/s",
                    decimals=1,
                    alias="$tag_gateway $tag_port",
                    interval="1m",
                ),
                lines(
                    bilingual("Bad frames", "Khung lỗi"),
                    vitals.port_rate("bad"),
                    width=12,
                    unit="suffix:/s",
                    decimals=2,
                    alias="$tag_gateway $tag_port",
                    interval="1m",
                ),
                sensor_table(
                    bilingual("Each port", "Từng cổng"),
                    vitals.port_table(),
                    width=24,
                    description="Counters since the agent's start; at most 32 ports a gateway, those in trouble first. · "
                    "Bộ đếm từ khi khởi động; tối đa 32 cổng mỗi trạm.",
                    by=("gateway", "port"),
                    columns=(
                        ("up", "lastNotNull", bilingual("Up", "Hoạt động"), "short"),
                        ("frames", "lastNotNull", bilingual("Frames", "Khung"), "short"),
                        ("readings", "lastNotNull", bilingual("Readings", "Số bản đọc"), "short"),
                        ("lost", "lastNotNull", bilingual("Times lost", "Số lần mất"), "short"),
                        ("bad", "lastNotNull", bilingual("Bad", "Khung lỗi"), "short"),
                    ),
                    descending=True,
                ),
            ),
        ),
    ),
)
