"""What the processes tell Prometheus, for the reference: asked of the code that tells it, with one of everything."""

import inspect
import re
from collections.abc import Iterator, Sequence

from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from api.routes.system import exposition, of_ingest, of_stream
from edge import metrics
from edge.status import JournalStatus, Status
from ingest.account import Account
from telemetry.messages import ClockState, DeviceCounters, PortCounters, SensorCounters

Row = Sequence[object]
HEAD = ("metric", "kind", "labels", "meaning")


def of_the_agent() -> Iterator[Row]:
    """Of an agent with a port, a polled device on it and a sensor."""
    status = Status(
        gateway="gw",
        site="s",
        version="1",
        config="0",
        pid=1,
        started_ms=0,
        time_ms=0,
        every_s=10,
        clock=ClockState("ntp"),
        broker_connected=True,
        last_ack_ms=0,
        accepted=0,
        duplicates=0,
        nudged=0,
        packs_set_aside=0,
        journal=JournalStatus(0, 0, 0, 0),
        ports=(PortCounters("p", True, 0, 0, 0, 0, 0, "", (DeviceCounters("s", 0, 0, 0, 0),)),),
        sensors=(SensorCounters("s", "ok", 0, 0, 0, 0, 0, 0),),
    )
    yield from _rows(metrics.exposition(status), {})


def of_the_hub() -> Iterator[Row]:
    """Of ingest and, last, of the live stream; what each counter means is what its code says beside it."""
    account = Account()
    account.latencies.add(0)
    families = [*of_ingest(account.as_mapping(), {"broker": True}, 0.0), *of_stream(0, 0)]
    said = dict(re.findall(r"self\.(\w+) = 0  # (.+)", inspect.getsource(Account)))
    yield from _rows(exposition(families), said)


def _rows(text: bytes, said: dict[str, str]) -> Iterator[Row]:
    for family in text_string_to_metric_families(text.decode()):
        yield _row(family, said)


def _row(family: Metric, said: dict[str, str]) -> Row:
    (sample, *_) = [one for one in family.samples if not one.name.endswith("_created")]
    labels = " ".join(f"`{name}`" for name in sample.labels)
    words = said.get(family.name.removeprefix("halong_"), family.documentation)
    return f"`{sample.name}`", family.type, labels, words
