"""InfluxDB goes away and comes back: what waits where, what is stored first, how fast the backlog goes.

Real: influxd (killed, started again on its data), mosquitto, `halong ingest`. The gateways are `bench.gateways`: the edge's own
delivery over journals in memory.
"""

import json
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from bench.gateways import PACK_READINGS
from bench.processes import cpu_s, influxd, module, mosquitto, query, rss_mb
from bench.rates import hub
from halong.installation import free_port

SAMPLE_S = 0.1
# What ingest may hold while nothing can be stored: its queue (64 MiB) and three batches of 20,000 readings (8 MB each). With
# credit it stays far below: 16 packs of each gateway.
BOUND_MB = 64 * 1.048576 + 3 * 8


class Report(NamedTuple):
    """Readings a second `arriving` and, from the first stored one on until nothing waits, `draining`; seconds from the
    store's return.

    `overtaken`: packs of the outage that were stored after the first pack that arose when the store was back.
    """

    readings: int
    stored: int
    arriving: float
    waiting: int  # readings, when the store came back
    resumed_s: float
    draining: float
    drained_s: float
    overtaken: int
    rss_before_mb: float
    rss_highest_mb: float
    ours_cpu_s: float


class _Load:
    """The gateways' process and what it says."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.lines: list[dict[str, float]] = []
        self.acked: list[int] = []  # when each pack arose, in the order of the acknowledgements
        self._thread = threading.Thread(target=self._read, args=(process,))
        self._thread.start()

    def _read(self, process: "subprocess.Popen[str]") -> None:
        for line in process.stdout or ():
            said = json.loads(line)
            self.acked += said.pop("acked_times")
            self.lines.append({"at": time.time(), **said})

    def wait(self) -> None:
        """Until all is acknowledged."""
        self._thread.join()

    @property
    def is_done(self) -> bool:
        """All packs are acknowledged."""
        return bool(self.lines and self.lines[-1]["done"])


def run(
    directory: Path,
    *,
    gateways: int,
    packs_a_second: float,
    before_s: float,
    down_s: float,
    after_s: float,
    live_s: float,
) -> Report:
    """`packs_a_second` of each gateway, each of PACK_READINGS; what is older than `live_s` is backlog (at the edge 300 s)."""
    port, data = free_port(), directory / "influx"
    packs = round((before_s + down_s + after_s) * packs_a_second)
    with ExitStack() as stack:
        first = stack.enter_context(ExitStack())
        server = first.enter_context(influxd(data, port))
        broker = stack.enter_context(mosquitto(directory / "broker"))
        pid = stack.enter_context(hub(directory, broker, server))
        arguments = (
            str(broker.port),
            str(gateways),
            str(packs),
            "--rate",
            str(packs_a_second),
            "--live",
            str(live_s),
        )
        process = stack.enter_context(
            subprocess.Popen(module("bench.gateways", *arguments), stdout=subprocess.PIPE, text=True)
        )
        load = _Load(process)
        memory = [rss_mb(pid) for _ in _until(time.monotonic() + before_s)]
        rss_before = max(memory)
        first.close()
        down = time.time()
        memory += [rss_mb(pid) for _ in _until(time.monotonic() + down_s)]
        server = stack.enter_context(influxd(data, port))
        back = time.time()
        while not load.is_done and process.poll() is None:
            memory.append(rss_mb(pid))
            time.sleep(SAMPLE_S)
        load.wait()
        answer = json.loads(query(port, "halong", 'SELECT count("value") FROM /.+/'))
        stored = sum(series["values"][0][1] for series in answer["results"][0]["series"])
        spent = cpu_s(pid)
    if not load.is_done:
        raise RuntimeError("the load ended too early")
    return _report(load, packs * gateways, stored, down, back, rss_before, max(memory), spent)


def _until(deadline: float) -> Iterator[None]:
    while time.monotonic() < deadline:
        yield
        time.sleep(SAMPLE_S)


def _report(
    load: _Load, packs: int, stored: int, down: float, back: float, rss: float, highest: float, cpu: float
) -> Report:
    lines = load.lines
    arriving = lines[-1]["made"] / lines[-1]["made_s"]
    at_return = next(line for line in lines if line["at"] >= back)
    waiting = at_return["made"] - at_return["acked"]
    resumed = next(line for line in lines if line["at"] > back and line["acked"] > at_return["acked"])
    drained = next(line for line in lines if line["at"] > back and line["made"] - line["acked"] <= arriving)
    draining = (drained["acked"] - resumed["acked"]) / max(drained["at"] - resumed["at"], 0.001)
    outage = [index for index, at in enumerate(load.acked) if down * 1000 <= at < back * 1000]
    new = next((index for index, at in enumerate(load.acked) if at >= back * 1000), len(load.acked))
    return Report(
        readings=packs * PACK_READINGS,
        stored=stored,
        arriving=arriving * PACK_READINGS,
        waiting=round(waiting * PACK_READINGS),
        resumed_s=resumed["at"] - back,
        draining=draining * PACK_READINGS,
        drained_s=drained["at"] - back,
        overtaken=sum(index > new for index in outage),
        rss_before_mb=rss,
        rss_highest_mb=highest,
        ours_cpu_s=cpu,
    )
