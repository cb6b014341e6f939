"""The pipeline: what comes in and what becomes of it, how long it takes, whether broker and store work. Pure."""

from grafana import vital_queries as vitals
from grafana.annotations import EVERYWHERE
from grafana.looks import bilingual
from grafana.model import TAG, Dashboard, Panel, Row
from grafana.variables import DS
from grafana.vital_panels import count, figures, good_or_not, rates


def _ready(part: str, english: str, vietnamese: str) -> Panel:
    query = vitals.ingest_figure((f"{part}_ready",), "min")
    return good_or_not(
        english, vietnamese, query, part, height=4, description="Green: works. · Xanh: hoạt động."
    )


def _now(name: str, english: str, vietnamese: str, word: str, description: str) -> Panel:
    query = vitals.ingest_now(name)
    return count(
        english, vietnamese, query, word, width=8, height=5, colour="yellow", description=description
    )


_RATES = Row(
    bilingual("Rates", "Tốc độ"),
    (
        rates(
            "Readings",
            "Bản đọc",
            vitals.ingest_rate(
                ("readings_decoded", "readings_stored", "readings_duplicate", "readings_late")
            ),
            interval="20s",
        ),
        rates(
            "Messages and commits",
            "Bản tin và lần ghi",
            vitals.ingest_rate(("messages_received", "packs_acknowledged", "control_received", "commits")),
            interval="20s",
        ),
    ),
)
_LATENCY = Row(
    bilingual("Latency and queues", "Độ trễ và hàng đợi"),
    (
        figures(
            "From observation to commit",
            "Từ đo đến lưu",
            vitals.ingest_figure(("latency_p50_ms", "latency_p99_ms")),
            unit="ms",
            description="Live readings of the last few thousand. · Chỉ tính bản đọc trực tiếp.",
        ),
        figures("Inside", "Đang xử lý", vitals.ingest_figure(("messages_waiting", "readings_in_flight"))),
    ),
)
_REFUSED = (
    "messages_quarantined",
    "messages_refused",
    "readings_quarantined",
    "records_bad",
    "control_bad",
)
_QUARANTINE = Row(
    bilingual("Quarantine and refusals", "Cách ly và từ chối"),
    (
        figures(
            "Set aside or refused",
            "Để riêng hoặc từ chối",
            vitals.ingest_rose(_REFUSED),
            interval="1m",
            draw="bars",
            description="What is set aside can be replayed; what is refused comes again. · "
            "Phần để riêng có thể phát lại; phần từ chối sẽ được gửi lại.",
        ),
        figures(
            "Flags and anomalies",
            "Đánh dấu và bất thường",
            vitals.ingest_rose(("readings_flagged", "anomalies_opened")),
            interval="1m",
            draw="bars",
        ),
    ),
)
_PARTS = Row(
    bilingual("Broker, store, clock", "Broker, kho, đồng hồ"),
    (
        _ready("broker", "Broker works", "Broker hoạt động"),
        _ready("store", "Store works", "Kho hoạt động"),
        _ready("clock", "The hub's clock is trusted", "Đồng hồ trung tâm đáng tin"),
        _now(
            "outages",
            "Outages of the store",
            "Số lần kho gián đoạn",
            "outages",
            "Since the hub's start. · Từ khi khởi động.",
        ),
        _now(
            "open_anomalies",
            "Anomalies open",
            "Bất thường đang mở",
            "open",
            "At the newest look. · Lần xem gần nhất.",
        ),
        _now(
            "links_mute",
            "Links mute",
            "Kết nối câm",
            "mute",
            "Times the broker was connected and brought nothing. · Có kết nối nhưng không có tin.",
        ),
    ),
)

PIPELINE = Dashboard(
    uid="halong-pipeline",
    title=bilingual("Hạ Long: pipeline", "Luồng dữ liệu"),
    description="The hub's account of itself. · Sổ sách của trung tâm.",
    tags=(TAG,),
    since="now-3h",
    refresh="30s",
    variables=(DS,),
    annotations=EVERYWHERE,
    rows=(_RATES, _LATENCY, _QUARANTINE, _PARTS),
)
