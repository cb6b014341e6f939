"""What `halong up` shows while it runs: one line per gateway, anomalies as they open. Reads the hub's own API."""

import asyncio
import time
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from halong.client import ApiError, Client, UnreachableError

REFRESH_S = 1.0
PLAIN_EVERY_S = 5.0
SHOWN_ANOMALIES = 8
RATE_SAMPLES = 10  # looks over which a rate is taken; heartbeats come every five seconds
_COLOUR = {"critical": "bold red", "warning": "yellow", "info": "cyan"}


class Snapshot(NamedTuple):
    """One look at the city. `rates` are readings a second by gateway since the look before."""

    gateways: Sequence[Mapping[str, Any]]
    anomalies: Sequence[Mapping[str, Any]]
    account: Mapping[str, Any]
    rates: Mapping[str, float]


def items(answer: Any) -> list[Any]:
    """The list in an answer, whether bare or in `items`."""
    return list(answer["items"]) if isinstance(answer, dict) else list(answer)


class Status:
    """Looks at the hub once a second and shows it: a live table on a terminal, a line now and then otherwise."""

    def __init__(self, url: str, console: Console, *, expected: int, key: str = "") -> None:
        self._client = Client(url, key or None, timeout_s=3)
        self._url, self._console, self._expected = url, console, expected
        self._accepted: dict[str, deque[tuple[float, int]]] = {}
        self._told: set[str] = set()
        self._began, self._began_ms = time.monotonic(), time.time_ns() // 1_000_000

    async def show(self) -> None:
        """For ever; the hub being away is shown, too."""
        if self._console.is_terminal:
            with Live(console=self._console, refresh_per_second=4) as live:
                while True:
                    live.update(self._picture(await self._look()))
                    await asyncio.sleep(REFRESH_S)
        while True:
            self._print_plain(await self._look())
            await asyncio.sleep(PLAIN_EVERY_S)

    async def _look(self) -> Snapshot | None:
        try:
            gateways = items(await asyncio.to_thread(self._client.get, "/v1/gateways"))
            anomalies = items(
                await asyncio.to_thread(self._client.get, "/v1/anomalies", limit=50, start=self._began_ms)
            )
            account = await asyncio.to_thread(self._client.get, "/v1/account")
        except (ApiError, UnreachableError):
            return None  # also when it is killed in the middle of an answer
        return Snapshot(gateways, anomalies, account, self._rates(gateways, time.monotonic()))

    def _rates(self, gateways: Sequence[Mapping[str, Any]], now: float) -> dict[str, float]:
        rates = {}
        for gateway in gateways:
            name, accepted = gateway["id"], int(gateway.get("accepted") or 0)
            samples = self._accepted.setdefault(name, deque(maxlen=RATE_SAMPLES))
            if samples and accepted < samples[-1][1]:  # a new agent counts from 0
                samples.clear()
            samples.append((now, accepted))
            began, first = samples[0]
            rates[name] = (accepted - first) / (now - began) if now > began else 0.0
        return rates

    def _picture(self, snapshot: Snapshot | None) -> RenderableType:
        running = time.monotonic() - self._began
        title = Text(
            f"Hạ Long · {self._url}/ · {self._url}/docs · {running:.0f} s · Ctrl-C stops", style="bold"
        )
        if snapshot is None:
            return Group(title, Text("waiting for the hub …", style="yellow"))
        table = Table(expand=True, header_style="dim", box=None, pad_edge=False)
        for column in ("gateway", "site", "state"):
            table.add_column(column, no_wrap=True)
        for column in ("sensors", "readings/s", "accepted", "backlog"):
            table.add_column(column, justify="right")
        for gateway in sorted(snapshot.gateways, key=lambda g: g["id"]):
            online = gateway.get("online")
            table.add_row(
                gateway["id"],
                _site_name(gateway),
                Text("online", style="green") if online else Text("away", style="bold red"),
                str(gateway.get("sensors", "")),
                f"{snapshot.rates[gateway['id']]:.1f}",
                str(gateway.get("accepted") or 0),
                str(gateway.get("backlog") or 0),
            )
        stored = snapshot.account.get("readings_stored", 0)
        foot = Text(
            f"{len(snapshot.gateways)}/{self._expected} gateways · {stored} readings stored", style="dim"
        )
        return Group(title, table, foot, _anomalies(snapshot.anomalies))

    def _print_plain(self, snapshot: Snapshot | None) -> None:
        running = time.monotonic() - self._began
        if snapshot is None:
            self._console.print(f"{running:5.0f} s  waiting for the hub …", highlight=False)
            return
        online = sum(bool(gateway.get("online")) for gateway in snapshot.gateways)
        backlog = sum(int(gateway.get("backlog") or 0) for gateway in snapshot.gateways)
        sensors = sum(int(gateway.get("sensors") or 0) for gateway in snapshot.gateways)
        self._console.print(
            f"{running:5.0f} s  {online}/{self._expected} gateways  {sensors} sensors"
            f"  {sum(snapshot.rates.values()):6.1f} readings/s  backlog {backlog}"
            f"  {snapshot.account.get('readings_stored', 0)} stored",
            highlight=False,
        )
        for anomaly in reversed(snapshot.anomalies):
            if anomaly["id"] not in self._told and anomaly["start_ms"] >= self._began_ms:
                self._told.add(anomaly["id"])
                self._console.print(
                    f"         ! {anomaly['text']}",
                    style=_COLOUR.get(anomaly["severity"], ""),
                    markup=False,
                )


def _site_name(gateway: Mapping[str, Any]) -> str:
    site = gateway.get("site")
    return str(site.get("name", site.get("id"))) if isinstance(site, dict) else str(site or "")


def _anomalies(anomalies: Sequence[Mapping[str, Any]]) -> RenderableType:
    lines = Text()
    for anomaly in anomalies[:SHOWN_ANOMALIES]:
        mark = "●" if anomaly.get("end") is None else "○"
        lines.append(
            f"{mark} {anomaly['text']}\n",
            style=_COLOUR.get(anomaly["severity"], "") if mark == "●" else "dim",
        )
    if not anomalies:
        lines.append("none so far", style="dim")
    return Panel(lines, title="anomalies (● open)", title_align="left", border_style="dim")
