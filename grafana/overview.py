"""The overview: everything the city measures, and how well it is measured. Pure."""

from functools import partial

from grafana import queries, vital_queries
from grafana.annotations import OF_SITES
from grafana.limits import CHECK, GOOD, NOISE_DAY, NOISE_NIGHT, NOISE_STEPS, PM10_BANDS, PM25_BANDS
from grafana.looks import bilingual
from grafana.model import TAG, Dashboard, Row
from grafana.panels import counted, newest, over_time, presence, sensor_table
from grafana.variables import CITY
from grafana.vital_panels import count, index_now

_NOT_AN_INDEX = (
    "Colours are the concentration bands of VN_AQI (Decision 1459/QĐ-TCMT). The index itself weighs 12 hourly means: "
    "one reading is not an index. A sensor that fell silent keeps its last value of the time range: see Data quality."
)


_count = partial(
    count, width=8, height=4, description="By the hub's newest word. · Theo tin mới nhất của trung tâm."
)
_NOW = Row(
    bilingual("Now", "Hiện tại"),
    (
        _count(
            "Gateways offline",
            "Trạm mất kết nối",
            vital_queries.offline(),
            "offline",
            leads_to="halong-gateways",
        ),
        _count(
            "Sensors silent",
            "Cảm biến im lặng",
            vital_queries.silent(),
            "silent",
            leads_to="halong-completeness",
        ),
        _count(
            "Anomalies open",
            "Bất thường đang mở",
            vital_queries.ingest_now("open_anomalies"),
            "open",
            leads_to="halong-pipeline",
        ),
    ),
)
_AIR = Row(
    bilingual("Air", "Không khí"),
    (
        index_now(width=24),
        newest("pm25", width=24, height=6, steps=PM25_BANDS, base=GOOD, description=_NOT_AN_INDEX),
        over_time("pm25", width=12, steps=PM25_BANDS[:3]),
        over_time("pm10", width=12, steps=PM10_BANDS[:3]),
    ),
)
_CO2 = Row(
    bilingual("Carbon dioxide", "Khí CO₂"),
    (
        over_time("co2", width=16),
        newest(
            "co2",
            width=8,
            height=8,
            steps=((1000.0, "yellow"), (2000.0, "red")),
            description="Outdoors about 430 ppm; from 1000 ppm the air is stuffy or the sensor needs its calibration.",
        ),
    ),
)
_CLIMATE = Row(
    bilingual("Climate", "Khí hậu"),
    (
        over_time("temperature", width=12),
        over_time("humidity", width=12),
        over_time("wind_speed", width=12, low=0),
        over_time(
            "wind_direction",
            width=12,
            draw="points",
            low=0,
            high=360,
            description="Mean of unit vectors: 350° and 10° are 0°. From where the wind blows; 0° is north, 90° east.",
        ),
    ),
)
_NOISE = Row(
    bilingual("Noise", "Tiếng ồn"),
    (
        over_time(
            "noise_level",
            width=24,
            title=bilingual("Equivalent sound level", "Mức âm tương đương"),
            steps=NOISE_STEPS,
            description=f"Mean of the energy, not of the decibels. Dashed: {NOISE_NIGHT:g} dB by night and {NOISE_DAY:g} dB by "
            f"day, the limits of ordinary areas in QCVN 26:2010/BTNMT. {CHECK}",
        ),
    ),
)
_TRAFFIC = Row(
    bilingual("Traffic", "Giao thông"),
    (
        over_time(
            "vehicle_speed", width=12, interval="1m", low=0, description="Mean of the vehicles that passed."
        ),
        over_time("occupancy", width=12, interval="1m", low=0, high=100),
    ),
)
_POWER = Row(
    bilingual("Power", "Nguồn điện"),
    (
        over_time(
            "voltage",
            width=8,
            steps=((198.0, "red"), (242.0, "red")),
            description="Dashed: 220 V ± 10 %.",
        ),
        over_time("power", width=8),
        over_time(
            "energy",
            width=8,
            title=bilingual("Energy used", "Điện năng tiêu thụ"),
            draw="bars",
            interval="1m",
            points=72,
            low=0,
            description="What the counter rose by in each window.",
        ),
    ),
)
_QUALITY = Row(
    bilingual("Data quality", "Chất lượng dữ liệu"),
    (
        counted(
            bilingual("Readings", "Số bản đọc"),
            queries.volume(),
            alias="$m",
            width=12,
            none="no readings · không có",
            description="Readings of each quantity in each window. The first and the last window are not whole.",
        ),
        counted(
            bilingual("Flagged readings", "Bản đọc bị đánh dấu"),
            queries.flagged(),
            alias="$tag_sensor $m",
            width=12,
            none="nothing flagged · không có",
            description="Readings with a flag: moved in time, doubted by the device, out of range, spike, stuck.",
        ),
        sensor_table(
            bilingual("Last heard of", "Lần đọc cuối"),
            queries.last_heard(),
            width=8,
            description="The longest silent first. A sensor that was silent all the time range is not in the list.",
            columns=(("Time", "max", bilingual("Newest reading", "Bản đọc mới nhất"), "dateTimeFromNow"),),
            descending=False,
        ),
        sensor_table(
            bilingual("Late readings", "Bản đọc đến trễ"),
            queries.arrival(),
            width=16,
            description="Late: arrived more than a minute after it was observed.",
            columns=(
                ("readings", "sum", bilingual("Readings", "Số bản đọc"), "short"),
                ("delay", "max", bilingual("Largest delay", "Trễ nhất"), "s"),
                ("late", "sum", bilingual("Late", "Trễ"), "short"),
            ),
            descending=True,
        ),
        presence(
            bilingual("Readings of each sensor", "Bản đọc theo cảm biến"),
            queries.heard(),
            description="Red: no reading in the window. Choose a site above to see a few sensors large.",
        ),
    ),
)

OVERVIEW = Dashboard(
    uid="halong-overview",
    title=bilingual("Hạ Long: overview", "Toàn cảnh"),
    description="Everything the city measures, and how well it is measured. InfluxQL, for InfluxDB 1.6 to 3. "
    "InfluxDB 3 Core opens at most 432 files a query, about 72 hours: it cannot show a longer range.",
    tags=(TAG,),
    since="now-6h",
    refresh="1m",
    variables=CITY,
    annotations=OF_SITES,
    rows=(_NOW, _AIR, _CO2, _CLIMATE, _NOISE, _TRAFFIC, _POWER, _QUALITY),
)
