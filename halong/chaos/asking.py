"""Programs that look at the hub while everything dies: its routes are asked in turn, and none may answer that there is a bug."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from itertools import cycle

from firmware_sim.city import DevicePlan
from telemetry.times import DAY_MS, HOUR_MS

EVERY_S = 0.25
PATIENCE_S = 5.0
NAMES = "latest overview sensors sites gateways alarms anomalies aqi traffic quarantine mutes maintenance corrections validity"
WHOLE = ["/healthz", "/readyz", "/metrics", "/", "/sta/v1.1/Things", "/sta/v1.1/Datastreams?$top=5"]


def paths(devices: Sequence[DevicePlan], start_ms: int) -> list[str]:
    """What is asked: everything at once, and the last hour before `start_ms` and a day after it of some sensors."""
    of_one = []
    for device in devices:
        span = f"quantity={device.quantities[0]}&start={start_ms - HOUR_MS}&end={start_ms + DAY_MS}"
        of_one += [
            f"/v1/readings?sensor={device.sensor}&{span}",
            f"/v1/aggregate?sensor={device.sensor}&{span}&window=PT1M",
            f"/v1/sensors/{device.sensor}/usual?{span}",
        ]
    return [*WHOLE, *(f"/v1/{name}" for name in NAMES.split()), *of_one]


class Asking:
    """Of a hub at 127.0.0.1:`port`. `answers` counts by HTTP status, "nobody" where there was none in time; `bugs` counts
    by path what was answered with 500."""

    def __init__(self, port: int, wanted: Sequence[str]) -> None:
        self._port, self._wanted = port, wanted
        self.answers: Counter[str] = Counter()
        self.bugs: Counter[str] = Counter()

    async def run(self) -> None:
        """For ever, one question after the other."""
        for path in cycle(self._wanted):
            status = await self._ask(path)
            self.answers[status] += 1
            self.bugs[path] += status == "500"
            await asyncio.sleep(EVERY_S)

    async def _ask(self, path: str) -> str:
        try:
            async with asyncio.timeout(PATIENCE_S):
                reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
                try:
                    writer.write(f"GET {path} HTTP/1.1\r\nHost: hub\r\nConnection: close\r\n\r\n".encode())
                    answer = await reader.read()
                finally:
                    writer.close()
        except (OSError, TimeoutError):
            return "nobody"
        head = answer[:12].split()
        return head[1].decode("ascii", "replace") if len(head) == 2 else "nobody"
