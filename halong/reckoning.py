"""The account of an installation's run: what its devices, journals and store hold, and what excuses a missed reading."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console

from firmware_sim.city import City, DevicePlan
from halong import sets
from halong.account import Account, compare
from halong.installation import Paths, now_ms
from halong.pairing import Sequences, Window
from halong.processes import Outage, Processes
from storage.book import Book
from storage.store import Store

OPEN_MS = 15_000  # an agent that has no reading of a device so long after its start has no excuse any more
UNCOMMITTED_MS = 1000  # what an agent has read and not yet journalled is gone when it is killed
TOGETHER_MS = 1000  # disturbances that follow each other so closely are one
BROKEN_MS = 20_000  # a process that stood still so long may have lost its connections


class _Stretch(NamedTuple):
    """A time in which a device's way to its agent was disturbed; `ended`: a process or a connection on it was gone."""

    start_ms: int
    end_ms: int
    names: tuple[str, ...]
    ended: bool


async def reckon(
    paths: Paths,
    store: Store,
    plan: City,
    *,
    seed: int,
    began_ms: int,
    processes: Processes,
    drained: bool,
) -> dict[str, Any]:
    """The account as it is reported; the store is opened and closed. Raises StoreUnavailableError."""
    journals = {g.id: paths.journal(g.id) for g in plan.gateways if paths.journal(g.id).exists()}
    emitted = sets.read_emitted([paths.truth])
    accepted = sets.read_accepted(journals, since_ms=began_ms)
    await store.open()
    try:
        stored = await sets.read_stored(store, began_ms, now_ms() + 60_000, emitted.sensors)
    finally:
        await store.close()
    with Book(paths.book) as book:
        anomalies = book.anomalies(start_ms=began_ms, limit=1000)
        quarantined = book.quarantine_total()
    commits = sets.read_commits(paths.trace)
    account = compare(
        emitted.readings,
        accepted.readings,
        stored,
        periods_s=emitted.periods_s,
        windows=[*emitted.windows, *unheard(plan, emitted.periods_s, accepted.readings, processes)],
        timeless=accepted.timeless,
        gone=accepted.gone,
        held=held(plan, processes),
        committed_ms={key: commits[pack] for key, pack in accepted.pack_of.items() if pack in commits},
    )
    return {
        "seed": seed,
        "seconds": round((now_ms() - began_ms) / 1000, 1),
        "gateways": len(plan.gateways),
        "sensors": len(emitted.sensors),
        "protocols": sorted(set(emitted.protocols.values())),
        **_figures(account),
        "damaged": accepted.damaged,
        "undatable": accepted.count_timeless(sets.UNDATABLE),
        "undated": accepted.count_timeless(sets.UNDATED),
        "quarantined": quarantined,
        "anomalies": len(anomalies),
        "drained": drained,
        "balanced": account.balanced and drained and account.stored > 0,
        "examples": list(account.examples),
    }


def unheard(
    plan: City, periods_s: Mapping[str, float], accepted: Sequences, processes: Processes
) -> list[Window]:
    """When no agent listened to a device: until its first reading after each start, at most `OPEN_MS` and one period.

    An MQTT device is not heard either while the broker is away; and what a process that stood still had not read yet is
    gone when its connection ended meanwhile.
    """
    windows = []
    for gateway in plan.gateways:
        for device in gateway.devices:
            period_ms = round(1000 * periods_s.get(device.sensor, 0.0))
            for stretch in _stretches(gateway.id, device, processes):
                if not stretch.ended:
                    continue
                latest = stretch.end_ms + OPEN_MS + _standing(stretch, gateway.id, device, processes)
                settled = min(accepted.first_from(device.sensor, stretch.end_ms, latest), latest)
                cause = " and ".join("agent" if name == gateway.id else name for name in stretch.names)
                windows.append(Window(device.sensor, stretch.start_ms, settled + period_ms, f"{cause} down"))
            first = processes.first_start_ms(gateway.id)
            settled = min(accepted.first_from(device.sensor, first, first + OPEN_MS), first + OPEN_MS)
            windows.append(Window(device.sensor, 0, settled + period_ms, "agent starting"))
    return windows


def held(plan: City, processes: Processes) -> list[Window]:
    """What reached the agent while it stood still is dated when it goes on."""
    return [
        Window(device.sensor, pause.start_ms - UNCOMMITTED_MS, pause.end_ms, "agent standing still")
        for gateway in plan.gateways
        for pause in processes.pauses
        if pause.name == gateway.id
        for device in gateway.devices
        if device.link == "serial"
    ]


def _carriers(gateway: str, device: DevicePlan) -> tuple[str, ...]:
    return (gateway, "broker") if device.link == "mqtt" else (gateway,)


def _stretches(gateway: str, device: DevicePlan, processes: Processes) -> list[_Stretch]:
    """Disturbances of a device's way, those that touch each other as one."""
    single = [_stretch(outage, ended=True) for outage in processes.outages]
    if device.link == "mqtt":
        single += [
            _stretch(pause, ended=pause.end_ms - pause.start_ms > BROKEN_MS) for pause in processes.pauses
        ]
    merged: list[_Stretch] = []
    for one in sorted(s for s in single if s.names[0] in _carriers(gateway, device)):
        if merged and one.start_ms <= merged[-1].end_ms + TOGETHER_MS:
            last = merged.pop()
            names = last.names + tuple(name for name in one.names if name not in last.names)
            one = _Stretch(last.start_ms, max(last.end_ms, one.end_ms), names, last.ended or one.ended)
        merged.append(one)
    return merged


def _stretch(outage: Outage, *, ended: bool) -> _Stretch:
    return _Stretch(outage.start_ms - UNCOMMITTED_MS, outage.end_ms, (outage.name,), ended)


def _standing(stretch: _Stretch, gateway: str, device: DevicePlan, processes: Processes) -> int:
    """How long processes stood still while they were starting after the stretch, in ms."""
    return sum(
        pause.end_ms - max(pause.start_ms, stretch.end_ms)
        for pause in processes.pauses
        if pause.name in _carriers(gateway, device)
        and stretch.end_ms < pause.end_ms
        and pause.start_ms <= stretch.end_ms + OPEN_MS
    )


def _figures(account: Account) -> dict[str, Any]:
    latencies = account.latencies_ms
    p50, p99 = (
        (round(float(np.percentile(latencies, p)), 1) for p in (50, 99)) if len(latencies) else (None, None)
    )
    return {
        "emitted": account.emitted,
        "accepted": account.accepted,
        "missed": account.missed,
        "missed_by_cause": dict(account.causes),
        "unexplained": account.unexplained,
        "foreign": account.foreign,
        "stored": account.stored,
        "lost": account.lost,
        "duplicates": account.duplicates,
        "altered": account.altered,
        "latency_ms": {"p50": p50, "p99": p99},
    }


def print_account(report: Mapping[str, Any], console: Console) -> None:
    """The account in a few lines."""
    good = report["balanced"]
    console.print(
        f"\n[bold]Account[/] of {report['seconds']} s, {report['gateways']} gateways, {report['sensors']} sensors"
    )
    console.print(
        f"  emitted {report['emitted']}   accepted {report['accepted']}   stored {report['stored']}",
        highlight=False,
    )
    console.print(
        f"  [{'green' if good else 'bold red'}]lost {report['lost']}   duplicates {report['duplicates']}   "
        f"unexplained {report['unexplained']}[/]   missed {report['missed']} {report['missed_by_cause'] or ''}",
        highlight=False,
    )
    latency = report["latency_ms"]
    console.print(
        f"  quarantined {report['quarantined']}   anomalies {report['anomalies']}   "
        f"latency p50 {latency['p50']} ms, p99 {latency['p99']} ms",
        highlight=False,
    )
    for example in report["examples"][:5]:
        console.print(f"  [red]{example}", highlight=False)
