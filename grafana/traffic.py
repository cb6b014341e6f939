"""Traffic: speeds, vehicles and occupancy of the roads. Pure."""

from grafana import queries
from grafana.annotations import OF_SITES
from grafana.looks import UNITS, bilingual
from grafana.model import TAG, Dashboard, Row
from grafana.panels import counted, newest, over_time, sensor_table
from grafana.variables import CITY

_SPEED, _OCCUPANCY = "vehicle_speed", "occupancy"
_PASSED = "A radar gives a reading for each vehicle. · Ra đa cho một bản đọc mỗi xe."

TRAFFIC = Dashboard(
    uid="halong-traffic",
    title=bilingual("Hạ Long: traffic", "Giao thông"),
    description="Speeds, vehicles and occupancy. No table of levels of service is used. · Không dùng bảng mức phục vụ.",
    tags=(TAG,),
    since="now-6h",
    refresh="1m",
    variables=CITY,
    annotations=OF_SITES,
    rows=(
        Row(
            bilingual("Now", "Hiện tại"),
            (
                newest(
                    _SPEED,
                    width=12,
                    height=6,
                    steps=(),
                    base="blue",
                    description="The last vehicle of each radar. · Xe gần nhất.",
                ),
                newest(
                    _OCCUPANCY,
                    width=12,
                    height=6,
                    steps=((20.0, "yellow"), (40.0, "red")),
                    description="Share of the time a vehicle stands over the loop; the colours are a look, no rule. · "
                    "Tỷ lệ thời gian có xe trên vòng từ; màu chỉ để tham khảo.",
                ),
            ),
        ),
        Row(
            bilingual("Speed", "Tốc độ"),
            (
                over_time(
                    _SPEED,
                    width=12,
                    interval="1m",
                    low=0,
                    title=bilingual("Mean speed", "Tốc độ trung bình"),
                    description="Mean of the vehicles that passed. · Trung bình các xe đi qua.",
                ),
                over_time(
                    _SPEED,
                    width=12,
                    interval="5m",
                    low=0,
                    title=bilingual("85th-percentile speed", "Tốc độ phân vị 85"),
                    query=queries.percentile(_SPEED, 85),
                    description="What 85 of 100 vehicles do not exceed. · 85 % số xe không vượt quá.",
                ),
            ),
        ),
        Row(
            bilingual("Flow and occupancy", "Lưu lượng và độ chiếm dụng"),
            (
                counted(
                    bilingual("Vehicles at radars, by site", "Số xe qua ra đa, theo địa điểm"),
                    queries.readings(_SPEED, "site"),
                    alias="$tag_site",
                    width=12,
                    none="none · không có",
                    description=_PASSED,
                    points=72,
                ),
                over_time(_OCCUPANCY, width=12, interval="1m", low=0, high=100),
            ),
        ),
        Row(
            bilingual("Speeds in the time range", "Phân bố tốc độ"),
            (
                sensor_table(
                    bilingual("Speeds of each sensor", "Tốc độ theo cảm biến"),
                    queries.distribution(_SPEED, (15, 50, 85)),
                    width=24,
                    description=_PASSED,
                    columns=(
                        ("readings", "sum", bilingual("Vehicles", "Số xe"), "short"),
                        ("p15", "max", "V15", UNITS["km/h"]),
                        ("p50", "max", "V50", UNITS["km/h"]),
                        ("p85", "max", "V85", UNITS["km/h"]),
                        ("largest", "max", bilingual("Fastest", "Nhanh nhất"), UNITS["km/h"]),
                    ),
                    descending=True,
                ),
            ),
        ),
    ),
)
