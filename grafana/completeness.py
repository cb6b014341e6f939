"""Data completeness: of what was expected how much is stored, and what became of the rest. Pure."""

from functools import partial

from grafana import vital_queries as vitals
from grafana.annotations import OF_SITES
from grafana.looks import bilingual
from grafana.model import TAG, Dashboard, Row
from grafana.panels import cells
from grafana.variables import CITY
from grafana.vital_panels import count, figures, table

_SHARE = ((0.75, "yellow"), (0.95, "green"))
_HOW = (
    "Stored and valid of expected, from the ledger; the hour that runs counts up to now. · "
    "Số bản đọc hợp lệ đã lưu trên số dự kiến; giờ hiện tại tính đến lúc này."
)
_share = partial(figures, unit="percentunit", decimals=1, high=1, interval="1h", description=_HOW)
_hours = partial(figures, interval="1h", draw="points")

_BY_HOUR = Row(
    bilingual("By hour", "Theo giờ"),
    (
        _share(
            "Completeness of the city",
            "Độ đầy đủ toàn thành phố",
            vitals.completeness(),
            alias="all",
            draw="bars",
        ),
        _share(
            "Completeness of each site",
            "Độ đầy đủ theo địa điểm",
            vitals.completeness("site"),
            alias="$tag_site",
            draw="points",
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
)
_BECAME = Row(
    bilingual("What became of it", "Điều gì đã xảy ra"),
    (
        _hours("Stored and expected", "Đã lưu và dự kiến", vitals.hours(("expected", "stored"))),
        _hours(
            "Not stored, late",
            "Không lưu, đến trễ",
            vitals.hours(("lost", "given_up", "pending", "quarantined", "late")),
            description="lost: gone for good; pending: not here yet; quarantined: set aside. · "
            "lost: mất hẳn; pending: chưa đến; quarantined: để riêng.",
        ),
        table(
            "Each sensor in the time range",
            "Từng cảm biến trong khoảng chọn",
            vitals.ledger_table(),
            (
                ("expected", "Expected", "Dự kiến", "short"),
                ("stored", "Stored", "Đã lưu", "short"),
                ("quarantined", "Quarantined", "Để riêng", "short"),
                ("late", "Late", "Trễ", "short"),
                ("lost", "Lost", "Mất", "short"),
                ("estimated", "Hours estimated", "Giờ ước tính", "short"),
                ("pending", "Pending", "Chưa đến", "short"),
            ),
            calculation="sum",
            description="Readings; `estimated` hours have no whole report of their gateway. · Số bản đọc.",
        ),
    ),
)
_SILENCE = Row(
    bilingual("Silence", "Im lặng"),
    (
        count(
            "Sensors silent",
            "Cảm biến im lặng",
            vitals.silent(),
            "silent",
            width=4,
            height=10,
            description="With an open alarm of silence. · Có cảnh báo im lặng.",
        ),
        table(
            "Age of the newest reading",
            "Tuổi bản đọc mới nhất",
            vitals.longest_silent(),
            (
                ("silent", "Silent", "Im lặng", "short"),
                ("period_s", "Period", "Chu kỳ", "s"),
                ("age_s", "Age", "Tuổi", "s"),
            ),
            width=20,
            description="As the hub judges it; sensors without a period speak when something happens. · "
            "Cảm biến không chu kỳ chỉ gửi khi có sự kiện.",
        ),
    ),
)

COMPLETENESS = Dashboard(
    uid="halong-completeness",
    title=bilingual("Hạ Long: data completeness", "Độ đầy đủ dữ liệu"),
    description=_HOW,
    tags=(TAG,),
    since="now-24h",
    refresh="1m",
    variables=CITY,
    annotations=OF_SITES,
    rows=(_BY_HOUR, _BECAME, _SILENCE),
)
