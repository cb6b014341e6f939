"""Noise: levels against the limits of QCVN 26, and how they spread. Pure."""

from dataclasses import replace

from grafana import limits, queries, vital_queries
from grafana.annotations import OF_SITES
from grafana.limits import CHECK, NOISE_STEPS, TO_BE_CHECKED
from grafana.looks import UNITS, bilingual
from grafana.model import TAG, Dashboard, Panel, Row
from grafana.panels import cells, newest, over_time, sensor_table
from grafana.variables import CITY

_LEVEL, _LIMIT = limits.NOISE, bilingual("limit", "giới hạn")
_LIMITS = (
    f"Yellow from {limits.NOISE_NIGHT:g} dBA (night, 21-6 h), red from {limits.NOISE_DAY:g} dBA (day, 6-21 h): ordinary areas "
    f"of QCVN 26:2010/BTNMT; special areas (hospitals, schools) have lower ones. {CHECK}"
)


def _level() -> Panel:
    """LAeq, and over it the limit that the hub judges by at that hour."""
    panel = over_time(
        _LEVEL,
        width=24,
        title=bilingual("Equivalent level (LAeq)", "Mức âm tương đương (LAeq)"),
        steps=NOISE_STEPS,
        description="Mean of the energy, not of the decibels. Dashed lines: the limit in force at each hour, lower from 21 to "
        "6 h. · Trung bình theo năng lượng. Nét đứt: giới hạn theo giờ, ban đêm (21-6 h) thấp hơn. "
        + _LIMITS,
    )
    dashed = {
        "matcher": {"id": "byRegexp", "options": f"/^{_LIMIT}/"},
        "properties": [
            {"id": "custom.lineStyle", "value": {"dash": [10, 10], "fill": "dash"}},
            {"id": "custom.lineInterpolation", "value": "stepAfter"},
            {"id": "color", "value": {"fixedColor": "red", "mode": "fixed"}},
            {"id": "links", "value": []},  # it is no sensor
        ],
    }
    in_force = (vital_queries.limit_in_force(_LEVEL, 1), f"{_LIMIT} $tag_site")
    return replace(panel, also=(in_force,), overrides=[dashed])


NOISE = Dashboard(
    uid="halong-noise",
    title=bilingual("Hạ Long: noise", "Tiếng ồn"),
    description=_LIMITS,
    tags=(TAG,),
    since="now-6h",
    refresh="1m",
    variables=CITY,
    annotations=OF_SITES,
    rows=(
        Row(
            bilingual("Now", "Hiện tại") + f" ({TO_BE_CHECKED})",
            (newest(_LEVEL, width=24, height=6, steps=NOISE_STEPS, description=_LIMITS),),
        ),
        Row(
            bilingual("Over time", "Diễn biến"),
            (
                _level(),
                over_time(
                    _LEVEL,
                    width=12,
                    title=bilingual("Peaks (LAmax)", "Mức cực đại (LAmax)"),
                    query=queries.largest(_LEVEL),
                    description="The loudest reading of each window. · Số đọc lớn nhất mỗi khoảng.",
                ),
                over_time(
                    _LEVEL,
                    width=12,
                    title=bilingual("Median (LA50)", "Mức trung vị (LA50)"),
                    query=queries.percentile(_LEVEL, 50),
                    interval="1m",
                    description="What half of the readings exceed. · Mức mà một nửa số đọc vượt qua.",
                ),
            ),
        ),
        Row(
            bilingual("Hour by hour", "Theo giờ"),
            (
                cells(
                    bilingual("LAeq of each hour", "LAeq từng giờ"),
                    queries.windows(_LEVEL),
                    steps=NOISE_STEPS,
                    base="green",
                    unit=UNITS["dB"],
                    decimals=1,
                    interval="1h",
                    since="24h",
                    description=_LIMITS,
                ),
            ),
        ),
        Row(
            bilingual("How it spreads", "Phân bố"),
            (
                sensor_table(
                    bilingual("Levels in the time range", "Mức âm trong khoảng chọn"),
                    queries.distribution(_LEVEL, (10, 50, 90)),
                    width=24,
                    description="LA10 is exceeded a tenth of the time, LA90 nine tenths. · LA10 bị vượt 10 % thời gian.",
                    columns=(
                        ("readings", "sum", bilingual("Readings", "Số bản đọc"), "short"),
                        ("p10", "max", "LA90", UNITS["dB"]),
                        ("p50", "max", "LA50", UNITS["dB"]),
                        ("p90", "max", "LA10", UNITS["dB"]),
                        ("largest", "max", "LAmax", UNITS["dB"]),
                    ),
                    descending=True,
                ),
            ),
        ),
    ),
)
