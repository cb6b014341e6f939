"""Air quality: dust against the bands of VN_AQI and the limits of QCVN 05, carbon dioxide, the weather. Pure."""

from grafana import limits, queries, vital_queries
from grafana.annotations import OF_SITES
from grafana.limits import CHECK, GOOD, PM10_BANDS, PM25_BANDS, TO_BE_CHECKED
from grafana.looks import UNITS, Steps, bilingual
from grafana.model import TAG, Dashboard, Panel, Row
from grafana.panels import cells, newest, over_time, tiles
from grafana.variables import CITY
from grafana.vital_panels import INDEX, index_now, index_over_time

_BANDS = (
    "Colours are the concentration bands of VN_AQI (Decision 1459/QĐ-TCMT); the index itself weighs twelve hourly means. · "
    "Màu theo dải nồng độ của VN_AQI; chỉ số tính từ trung bình của mười hai giờ."
)
_DUST = UNITS["ug/m3"]


def _by_the_hour(name: str, title: str, steps: Steps) -> Panel:
    return cells(
        title,
        queries.windows(name),
        steps=steps,
        base=GOOD,
        unit=_DUST,
        description=_BANDS + " Each cell is the mean of an hour. · Mỗi ô là trung bình một giờ.",
        interval="1h",
        since="24h",
        decimals=1,
    )


def _by_the_day(name: str, title: str, limit: float) -> Panel:
    return tiles(
        title,
        queries.range_mean(name),
        width=12,
        height=6,
        unit=_DUST,
        decimals=1,
        steps=limits.day_limit(limit),
        description=f"Mean of the last 24 hours; red from {limit:g} µg/m³ on, QCVN 05:2023/BTNMT. {CHECK}",
        since="24h",
    )


AIR = Dashboard(
    uid="halong-air",
    title=bilingual("Hạ Long: air quality", "Chất lượng không khí"),
    description=_BANDS,
    tags=(TAG,),
    since="now-6h",
    refresh="1m",
    variables=CITY,
    annotations=OF_SITES,
    rows=(
        Row(
            "VN_AQI",
            (
                index_now(width=24),
                index_over_time(width=24),
                cells(
                    bilingual("VN_AQI of each hour", "VN_AQI từng giờ"),
                    vital_queries.air("hour"),
                    steps=limits.AQI_STEPS,
                    base=GOOD,
                    unit="short",
                    alias="$tag_site",
                    interval="1h",
                    since="24h",
                    height=8,
                    description=INDEX,
                ),
            ),
        ),
        Row(
            bilingual("Dust now", "Bụi hiện tại"),
            (
                newest("pm25", width=12, height=6, steps=PM25_BANDS, base=GOOD, description=_BANDS),
                newest("pm10", width=12, height=6, steps=PM10_BANDS, base=GOOD, description=_BANDS),
            ),
        ),
        Row(
            bilingual("Dust hour by hour", "Bụi theo giờ"),
            (
                _by_the_hour(
                    "pm25", bilingual("PM2.5, hourly means", "Bụi PM2.5, trung bình giờ"), PM25_BANDS
                ),
                _by_the_hour("pm10", bilingual("PM10, hourly means", "Bụi PM10, trung bình giờ"), PM10_BANDS),
            ),
        ),
        Row(
            bilingual("Dust over 24 hours", "Bụi 24 giờ") + f" ({TO_BE_CHECKED})",
            (
                _by_the_day(
                    "pm25", bilingual("PM2.5, 24 h mean", "Bụi PM2.5, trung bình 24 giờ"), limits.PM25_DAY
                ),
                _by_the_day(
                    "pm10", bilingual("PM10, 24 h mean", "Bụi PM10, trung bình 24 giờ"), limits.PM10_DAY
                ),
            ),
        ),
        Row(
            bilingual("Dust over time", "Diễn biến bụi"),
            (
                over_time("pm1", width=8, low=0),
                over_time("pm25", width=8, low=0, steps=PM25_BANDS[:3], description=_BANDS),
                over_time("pm10", width=8, low=0, steps=PM10_BANDS[:3], description=_BANDS),
            ),
        ),
        Row(
            bilingual("Carbon dioxide", "Khí CO₂"),
            (over_time("co2", width=24, description="Outdoors about 430 ppm. · Ngoài trời khoảng 430 ppm."),),
        ),
        Row(
            bilingual("Weather that moves it", "Thời tiết ảnh hưởng"),
            (
                over_time("wind_speed", width=8, low=0),
                over_time(
                    "wind_direction",
                    width=8,
                    draw="points",
                    low=0,
                    high=360,
                    description="From where the wind blows; 0° is north, 90° east. · Hướng gió thổi đến; 0° là bắc.",
                ),
                over_time("humidity", width=8),
                over_time("temperature", width=8),
                over_time("pressure", width=8),
                over_time(
                    "rain",
                    width=8,
                    title=bilingual("Rain", "Lượng mưa"),
                    draw="bars",
                    interval="1m",
                    points=72,
                    low=0,
                    description="What the gauge rose by in each window. · Lượng mưa trong mỗi khoảng.",
                ),
            ),
        ),
    ),
)
