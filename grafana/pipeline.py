"""The pipeline: what comes in and what becomes of it, how long it takes, whether broker and store work. Pure."""

from grafana import vital_queries as vitals
from grafana.annotations import ANOMALIES
from grafana.looks import bilingual
from grafana.model import TAG, Dashboard, Panel, Row
from grafana.panels import cells, lines, tiles
from grafana.variables import DS


def _ready(part: str, english: str, vietnamese: str) -> Panel:
    return cells(
        bilingual(english, vietnamese),
        vitals.ingest_figure((f"{part}_ready",), "min"),
        steps=((1.0, "green"),),
        base="red",
        unit="short",
        alias=part,
        height=4,
        description="Green: works. · Xanh: hoạt động.",
    )


PIPELINE = Dashboard(
    uid="halong-pipeline",
    title=bilingual("Hạ Long: pipeline", "Luồng dữ liệu"),
    description="The hub's account of itself. · Sổ sách của trung tâm.",
    tags=(TAG,),
    since="now-3h",
    refresh="30s",
    variables=(DS,),
    annotations=(ANOMALIES,),
    rows=(
        Row(
            bilingual("Rates", "Tốc độ"),
            (
                lines(
                    bilingual("Readings", "Bản đọc"),
                    vitals.ingest_rate(
                        ("readings_decoded", "readings_stored", "readings_duplicate", "readings_late")
                    ),
                    width=12,
                    unit="suffix:/s",
                    decimals=1,
                    alias="$col",
                    interval="20s",
                ),
                lines(
                    bilingual("Messages and commits", "Bản tin và lần ghi"),
                    vitals.ingest_rate(
                        ("messages_received", "packs_acknowledged", "control_received", "commits")
                    ),
                    width=12,
                    unit="suffix:/s",
                    decimals=1,
                    alias="$col",
                    interval="20s",
                ),
            ),
        ),
        Row(
            bilingual("Latency and queues", "Độ trễ và hàng đợi"),
            (
                lines(
                    bilingual("From observation to commit", "Từ đo đến lưu"),
                    vitals.ingest_figure(("latency_p50_ms", "latency_p99_ms")),
                    width=12,
                    unit="ms",
                    alias="$col",
                    description="Live readings of the last few thousand. · Chỉ tính bản đọc trực tiếp.",
                ),
                lines(
                    bilingual("Inside", "Đang xử lý"),
                    vitals.ingest_figure(("messages_waiting", "readings_in_flight")),
                    width=12,
                    unit="short",
                    alias="$col",
                ),
            ),
        ),
        Row(
            bilingual("Quarantine and refusals", "Cách ly và từ chối"),
            (
                lines(
                    bilingual("Set aside or refused", "Để riêng hoặc từ chối"),
                    vitals.ingest_rose(
                        (
                            "messages_quarantined",
                            "messages_refused",
                            "readings_quarantined",
                            "records_bad",
                            "control_bad",
                        )
                    ),
                    width=12,
                    unit="short",
                    alias="$col",
                    interval="1m",
                    draw="bars",
                    description="What is set aside can be replayed; what is refused comes again. · "
                    "Phần để riêng có thể phát lại; phần từ chối sẽ được gửi lại.",
                ),
                lines(
                    bilingual("Flags and anomalies", "Đánh dấu và bất thường"),
                    vitals.ingest_rose(("readings_flagged", "anomalies_opened")),
                    width=12,
                    unit="short",
                    alias="$col",
                    interval="1m",
                    draw="bars",
                ),
            ),
        ),
        Row(
            bilingual("Broker, store, clock", "Broker, kho, đồng hồ"),
            (
                _ready("broker", "Broker works", "Broker hoạt động"),
                _ready("store", "Store works", "Kho hoạt động"),
                _ready("clock", "The hub's clock is trusted", "Đồng hồ trung tâm đáng tin"),
                tiles(
                    bilingual("Outages of the store", "Số lần kho gián đoạn"),
                    vitals.ingest_now("outages"),
                    width=8,
                    height=5,
                    unit="short",
                    decimals=0,
                    steps=((1.0, "yellow"),),
                    alias="outages",
                    description="Since the hub's start. · Từ khi khởi động.",
                ),
                tiles(
                    bilingual("Anomalies open", "Bất thường đang mở"),
                    vitals.ingest_now("open_anomalies"),
                    width=8,
                    height=5,
                    unit="short",
                    decimals=0,
                    steps=((1.0, "yellow"),),
                    alias="open",
                    description="At the newest look. · Lần xem gần nhất.",
                ),
                tiles(
                    bilingual("Links mute", "Kết nối câm"),
                    vitals.ingest_now("links_mute"),
                    width=8,
                    height=5,
                    unit="short",
                    decimals=0,
                    steps=((1.0, "yellow"),),
                    alias="mute",
                    description="Times the broker was connected and brought nothing. · Có kết nối nhưng không có tin.",
                ),
            ),
        ),
    ),
)
