"""Sparkplug B over many messages: births, sequence numbers, deaths, and when a node is asked to introduce itself again. Pure.

After a gap in `seq` the values that can be told are still published, because the node may never answer; the rebirth that
is asked for puts names and aliases right. What was never introduced is not published.
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, NamedTuple

from edge.driver import BadFrameError, Verdict
from edge.formats import sparkplug
from edge.formats.contract import Arrival, Options, Outgoing, Understood
from edge.formats.known import Chooser, Leaf
from edge.formats.sparkplug import Known, Metric, Payload, Table, Topic
from edge.payloads import Dated, parse_object
from telemetry.quantities import QUANTITIES
from telemetry.reading import Flag

MAX_NODES = 256
MAX_DEVICES = 1024  # of a node; what more are born stay unknown
DATA, BIRTHS = ("NDATA", "DDATA"), ("NBIRTH", "DBIRTH")
_SEQ = 256


class Node:
    """What is known of one edge node; `tables` by device, "" for the node's own metrics."""

    def __init__(self) -> None:
        self.tables: dict[str, dict[int | str, Known]] = {}
        self.seq: int | None = None
        self.bdseq: int | None = None
        self.wants_rebirth = False

    def take(self, topic: Topic, payload: Payload) -> None:
        """Learn from one message, before its metrics are looked up."""
        device = topic.device
        match topic.kind:
            case "NBIRTH":
                self.tables = {"": sparkplug.table(payload.metrics)}
                self.seq, self.bdseq, self.wants_rebirth = payload.seq, _bdseq(payload), False
                return
            case "NDEATH":
                if self.bdseq is None or _bdseq(payload) in (None, self.bdseq):
                    self.tables, self.seq = {}, None
                return
            case "NCMD" | "DCMD":
                return
        self._count(payload.seq)
        match topic.kind:
            case "DBIRTH":
                if device in self.tables or len(self.tables) < MAX_DEVICES:
                    self.tables[device] = sparkplug.table(payload.metrics)
            case "DDEATH":
                self.tables.pop(device, None)
            case _ if device not in self.tables:
                self.wants_rebirth = True
        if "" not in self.tables:
            self.wants_rebirth = True

    def _count(self, seq: int | None) -> None:
        if (
            seq is None or seq == self.seq
        ):  # the same again: a broker may deliver twice where subscriptions overlap
            return
        if self.seq is not None and seq != (self.seq + 1) % _SEQ:
            self.wants_rebirth = True
        self.seq = seq


class Entry(NamedTuple):
    """A metric, what it is (None: no birth has introduced it), its value, and its time or the message's."""

    metric: Metric
    known: Known | None
    value: Any
    time_ms: int | None


class Sparkplug:
    """The nodes below a topic filter like `spBv1.0/GROUP/+/NODE/#`; `options.device` "NODE" or "NODE/DEVICE" selects.

    A metric's quantity is what `names` or `fields` (their path is the metric's name) say, else the last part of its name.
    """

    def __init__(self, options: Options) -> None:
        self._units = {field.path: field.unit for field in options.fields.values()}
        by_path = {field.path: quantity for quantity, field in options.fields.items()}
        self._chooser = Chooser(Options(names={**options.names, **by_path}))
        self._device = options.device
        self._nodes: OrderedDict[tuple[str, str], Node] = OrderedDict()

    def understand(self, arrival: Arrival) -> Understood:
        """See Format. `asks` holds an NCMD with every message of a node that owes a rebirth: the sender limits them."""
        topic = sparkplug.parse_topic(arrival.topic)
        if topic is None:
            return _state(arrival)
        if self._device and topic.node != self._device.partition("/")[0]:
            return Understood(Verdict.IGNORE, None, reason="another node")
        payload = sparkplug.decode(arrival.payload)
        node = self._node(topic)
        node.take(topic, payload)
        try:
            entries = tell(payload, node.tables.get(topic.device, {}))
        except BadFrameError:  # a birth that we missed may have changed what an alias means
            node.wants_rebirth |= topic.kind in DATA
            raise
        node.wants_rebirth |= topic.kind in DATA and any(entry.known is None for entry in entries)
        asks: tuple[Outgoing, ...] = ()
        if node.wants_rebirth:
            command = f"{sparkplug.NAMESPACE}/{topic.group}/NCMD/{topic.node}"
            asks = (Outgoing(command, sparkplug.rebirth_command(max(0, arrival.at_ms))),)
        place = f"{topic.node}/{topic.device}" if topic.device else topic.node
        if self._device not in ("", place) or topic.kind not in (*DATA, *BIRTHS):
            return Understood(Verdict.ACCEPT, shown(payload, entries), asks=asks)
        return self.report(payload, entries)._replace(asks=asks)

    def report(self, payload: Payload, entries: Sequence[Entry]) -> Understood:
        """What is to be published of one birth or data message."""
        decoded = shown(payload, entries)
        dated = tuple(dated for entry in entries for dated in self._measured(entry))
        if not dated and any(entry.known is None for entry in entries):
            return Understood(Verdict.IGNORE, decoded, reason="metrics that no birth has introduced")
        doubtful = any(not entry.metric.is_good for entry in entries)
        return Understood(Verdict.FLAG if doubtful else Verdict.ACCEPT, decoded, dated)

    def _measured(self, entry: Entry) -> tuple[Dated, ...]:
        """Each metric by itself: a message may hold several values of one, each with its time."""
        if entry.known is None or isinstance(entry.value, str):
            return ()
        name = entry.known.name
        last = name.rpartition("/")[2]
        leaf = Leaf(
            (name,),
            entry.value,
            last if last in QUANTITIES else None,
            self._units.get(name),
            0 if entry.metric.is_good else int(Flag.DEVICE),
        )
        return self._chooser.choose([leaf], {}, entry.time_ms)

    def _node(self, topic: Topic) -> Node:
        key = (topic.group, topic.node)
        node = self._nodes.setdefault(key, Node())
        self._nodes.move_to_end(key)
        if len(self._nodes) > MAX_NODES:
            self._nodes.popitem(last=False)
        return node


def tell(payload: Payload, births: Table) -> list[Entry]:
    """The metrics of a payload with what their births say; raises BadFrameError for a value that does not fit."""
    entries = []
    for metric in payload.metrics:
        known = sparkplug.resolve(metric, births)
        value = sparkplug.value(metric, known.datatype if known else metric.datatype)
        at_ms = metric.timestamp if metric.timestamp is not None else payload.timestamp
        entries.append(Entry(metric, known, value, at_ms))
    return entries


def shown(payload: Payload, entries: Sequence[Entry]) -> dict[str, Any]:
    """The message as JSON values, for people."""
    return {
        "timestamp": payload.timestamp,
        "seq": payload.seq,
        "metrics": [_metric_shown(entry) for entry in entries],
    }


def _metric_shown(entry: Entry) -> dict[str, Any]:
    metric = entry.metric
    known = entry.known or Known(metric.name or "", metric.datatype, metric.alias)
    content: dict[str, Any] = {
        "name": known.name or None,
        "datatype": known.datatype,
        "value": entry.value,
        "alias": known.alias,
        "timestamp": metric.timestamp,
        "is_null": metric.is_null or None,
        "quality": None if metric.is_good else "bad or stale",
    }
    kept = ("name", "datatype", "value")
    return {key: value for key, value in content.items() if key in kept or value is not None}


def _bdseq(payload: Payload) -> int | None:
    for metric in payload.metrics:
        if metric.name == sparkplug.BDSEQ:
            number = sparkplug.value(metric, metric.datatype)
            return number if isinstance(number, int) else None
    return None


def _state(arrival: Arrival) -> Understood:
    """A host's STATE: since 3.0 a JSON object; before, the topic was STATE/HOST with ONLINE or OFFLINE."""
    words = arrival.payload.strip().upper()
    if words in (b"ONLINE", b"OFFLINE"):
        return Understood(Verdict.ACCEPT, {"online": words == b"ONLINE"}, reason="a host's state")
    content = parse_object(arrival.payload)
    if not isinstance(content.get("online"), bool):
        raise BadFrameError("neither a message of a node nor a host's state")
    return Understood(Verdict.ACCEPT, content, reason="a host's state")
