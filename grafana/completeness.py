"""Data completeness: of what was expected how much is stored, and what became of the rest. Pure."""

from grafana import vital_queries as vitals
from grafana.annotations import ANOMALIES
from grafana.looks import bilingual
from grafana.model import TAG, Dashboard, Row
from grafana.panels import cells, lines, sensor_table, tiles
from grafana.variables import CITY

_SHARE = ((0.75, "yellow"), (0.95, "green"))
_HOW = (
    "Stored and valid of expected, from the ledger; the hour that runs counts up to now. · "
    "Số bản đọc hợp lệ đã lưu trên số dự kiến; giờ hiện tại tính đến lúc này."
)

COMPLETENESS = Dashboard(
    uid="halong-completeness",
    title=bilingual("Hạ Long: data completeness", "Độ đầy đủ dữ liệu"),
    description=_HOW,
    tags=(TAG,),
    since="now-24h",
    refresh="1m",
    variables=CITY,
    annotations=(ANOMALIES,),
    rows=(
        Row(
            bilingual("By hour", "Theo giờ"),
            (
                lines(
                    bilingual("Completeness of the city", "Độ đầy đủ toàn thành phố"),
                    vitals.completeness(),
                    width=12,
                    unit="percentunit",
                    decimals=1,
                    high=1,
                    alias="all",
                    interval="1h",
                    draw="bars",
                    description=_HOW,
                ),
                lines(
                    bilingual("Completeness of each site", "Độ đầy đủ theo địa điểm"),
                    vitals.completeness("site"),
                    width=12,
                    unit="percentunit",
                    decimals=1,
                    high=1,
                    alias="$tag_site",
                    interval="1h",
                    draw="points",
                    description=_HOW,
                ),
                cells(
                    bilingual("Completeness of each sensor", "Độ đầy đủ theo cảm biến"),
                    vitals.completeness("sensor"),
                    steps=_SHARE,
                    base="red",
                    unit="percentunit",
                    decimals=1,
                    interval="1h",
                    height=14,
                    description=_HOW + " Red below 75 %, yellow below 95 %. · Đỏ dưới 75 %, vàng dưới 95 %.",
                ),
            ),
        ),
        Row(
            bilingual("What became of it", "Điều gì đã xảy ra"),
            (
                lines(
                    bilingual("Stored and expected", "Đã lưu và dự kiến"),
                    vitals.hours(("expected", "stored")),
                    width=12,
                    unit="short",
                    alias="$col",
                    interval="1h",
                    draw="points",
                ),
                lines(
                    bilingual("Not stored, late", "Không lưu, đến trễ"),
                    vitals.hours(("lost", "given_up", "pending", "quarantined", "late")),
                    width=12,
                    unit="short",
                    alias="$col",
                    interval="1h",
                    draw="points",
                    description="lost: gone for good; pending: not here yet; quarantined: set aside. · "
                    "lost: mất hẳn; pending: chưa đến; quarantined: để riêng.",
                ),
                sensor_table(
                    bilingual("Each sensor in the time range", "Từng cảm biến trong khoảng chọn"),
                    vitals.ledger_table(),
                    width=24,
                    description="Readings; `estimated` hours have no whole report of their gateway. · Số bản đọc.",
                    columns=(
                        ("expected", "sum", bilingual("Expected", "Dự kiến"), "short"),
                        ("stored", "sum", bilingual("Stored", "Đã lưu"), "short"),
                        ("quarantined", "sum", bilingual("Quarantined", "Để riêng"), "short"),
                        ("late", "sum", bilingual("Late", "Trễ"), "short"),
                        ("lost", "sum", bilingual("Lost", "Mất"), "short"),
                        ("estimated", "sum", bilingual("Hours estimated", "Giờ ước tính"), "short"),
                        ("pending", "sum", bilingual("Pending", "Chưa đến"), "short"),
                    ),
                    descending=True,
                ),
            ),
        ),
        Row(
            bilingual("Silence", "Im lặng"),
            (
                tiles(
                    bilingual("Sensors silent", "Cảm biến im lặng"),
                    vitals.silent(),
                    width=4,
                    height=10,
                    unit="short",
                    decimals=0,
                    steps=((1.0, "red"),),
                    alias="silent",
                    description="With an open alarm of silence. · Có cảnh báo im lặng.",
                ),
                sensor_table(
                    bilingual("Age of the newest reading", "Tuổi bản đọc mới nhất"),
                    vitals.longest_silent(),
                    width=20,
                    description="As the hub judges it; sensors without a period speak when something happens. · "
                    "Cảm biến không chu kỳ chỉ gửi khi có sự kiện.",
                    columns=(
                        ("silent", "lastNotNull", bilingual("Silent", "Im lặng"), "short"),
                        ("period_s", "lastNotNull", bilingual("Period", "Chu kỳ"), "s"),
                        ("age_s", "lastNotNull", bilingual("Age", "Tuổi"), "s"),
                    ),
                    descending=True,
                ),
            ),
        ),
    ),
)
