"""`halong detect bench`: how good the detectors are, on what data there is."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from halong import nab, replay, replay_files, seeded

STRETCHES = (
    "realKnownCause/ambient_temperature_system_failure",
    "realKnownCause/machine_temperature_system_failure",
    "realKnownCause/nyc_taxi",
    "realTraffic/speed_t4013",
    "realTraffic/speed_6005",
    "realTraffic/occupancy_t4013",
    "realTraffic/occupancy_6005",
    "realAWSCloudwatch/rds_cpu_utilization_cc0c53",
)
LONGEST, MARGIN = 4000, 30
Windows = Mapping[str, Sequence[tuple[int, int]]]


def read(folder: Path) -> tuple[dict[str, replay.Series], Windows]:
    """NAB's files below `folder` and their windows.json. Raises ReplayError."""
    labels = folder / "windows.json"
    try:
        given = json.loads(labels.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise replay.ReplayError(
            f"no labels in {labels} ({error}): NAB's data and combined_windows.json are at github.com/numenta/NAB"
        ) from None
    windows = {
        name: [(replay_files.time_ms(begin, name), replay_files.time_ms(end, name)) for begin, end in spans]
        for name, spans in given.items()
    }
    files = {
        name: replay_files.read(folder, Path(name)) for name in sorted(windows) if (folder / name).exists()
    }
    if not files:
        raise replay.ReplayError(f"none of the files in {labels} is in {folder}")
    return files, windows


def nab_table(files: Mapping[str, replay.Series], windows: Windows) -> dict[str, dict[str, float]]:
    """Per profile the score at its best threshold, its bootstrap deviation, windows found and false alerts; and `leave out`, the
    score with each category's threshold taken from the other categories."""
    replay.judge(list(files.values()))
    labelled = {name: nab.label(one.at_ms, windows[name]) for name, one in files.items()}
    scores = {name: one.score for name, one in files.items()}
    table = {}
    for profile in nab.PROFILES:
        every = list(labelled.values()), list(scores.values())
        at = nab.best(*every, profile)
        table[profile] = {
            "score": at.score,
            "deviation": nab.spread(*every, profile, at.threshold),
            "leave out": _left_out(labelled, scores, profile),
            "threshold": at.threshold,
            "found": at.found,
            "windows": at.windows,
            "false per 10,000": at.false_per_10k,
        }
    return table


def _left_out(labelled: Mapping[str, nab.Labelled], scores: Mapping[str, nab.Floats], profile: str) -> float:
    gained = possible = 0.0
    for category in {name.partition("/")[0] for name in labelled}:
        own = [name for name in labelled if name.partition("/")[0] == category]
        others = [name for name in labelled if name not in own]
        if not others:
            return float("nan")
        threshold = nab.best(
            [labelled[name] for name in others], [scores[name] for name in others], profile
        ).threshold
        thresholds, gains, empty, most = nab.steps(
            [labelled[name] for name in own], [scores[name] for name in own], profile
        )
        gained += float(gains[thresholds >= threshold].sum())
        possible += most - empty
    return 100 * gained / possible


def _clean(one: replay.Series, windows: Sequence[tuple[int, int]]) -> slice:
    """The longest run of rows outside every labelled window."""
    bad = np.zeros(len(one.at_ms), bool)
    for begin, end in windows:
        first, last = np.searchsorted(one.at_ms, [begin, end])
        bad[max(0, first - MARGIN) : last + 1 + MARGIN] = True
    edges = np.flatnonzero(np.diff(np.r_[True, bad, True].astype(np.int8)))
    begin, end = max(zip(edges[::2], edges[1::2], strict=True), key=lambda span: span[1] - span[0])
    return slice(int(begin), int(min(end, begin + LONGEST)))


def fault_table(files: Mapping[str, replay.Series], windows: Windows, draws: int = 2) -> dict[str, Any]:
    """Faults put into clean stretches; each series' period is its median step and is declared."""
    cases = _cases(files, windows, draws)
    series = [replay.of(Path(case.name), [], [], case.at_ms, case.values) for case in cases]
    periods = [float(np.median(np.diff(case.at_ms))) / 1000 for case in cases]
    replay.judge(series, periods_s=periods)
    kinds: dict[str, list[seeded.Tally]] = {fault: [] for fault in seeded.LENGTHS}
    false = calm_false = calm_rows = 0
    for case, one in zip(cases, series, strict=True):
        found, wrong = seeded.tally(case, one.told)  # type: ignore[arg-type]
        if case.fault:
            kinds[case.fault].append(found)
            false += wrong
        else:
            calm_false += wrong
            calm_rows += round((1 - seeded.JUDGED_FROM) * len(case.values))
    every = [found for of in kinds.values() for found in of]
    hits, faults, named = (sum(found[place] for found in every) for place in (1, 0, 2))
    precision, recall = hits / max(1, hits + false), hits / max(1, faults)
    return {
        "kinds": {
            fault: {
                "recall": sum(found.found for found in of) / max(1, sum(found.faults for found in of)),
                "named": sum(found.named for found in of) / max(1, sum(found.found for found in of)),
                "delay": float(np.nanmedian([found.delay for found in of] + [np.nan]))
                if any(found.found for found in of)
                else None,
            }
            for fault, of in kinds.items()
        },
        "precision": precision,
        "recall": recall,
        "F1": 2 * precision * recall / max(1e-9, precision + recall),
        "named": named / max(1, hits),
        "false per 10,000 of untouched rows": 1e4 * calm_false / max(1, calm_rows),
    }


def _cases(files: Mapping[str, replay.Series], windows: Windows, draws: int) -> list[seeded.Case]:
    """Of each stretch that is there: untouched, and with every fault in so many draws."""
    rng = np.random.default_rng(11)
    cases = []
    for name in (f"{stretch}.csv" for stretch in STRETCHES):
        if name in files:
            part = _clean(files[name], windows[name])
            at, values = files[name].at_ms[part], files[name].values[part]
            cases.append(seeded.Case(name, "", at, values, []))
            cases += [
                seeded.put(name, fault, at, values, rng) for fault in seeded.LENGTHS for _ in range(draws)
            ]
    return cases


def harmless_table(seeds: int = 3) -> dict[str, float]:
    """Flagged episodes per 10,000 rows of series in which nothing happens."""
    series, names = [], []
    for seed in range(seeds):
        for name, values in seeded.harmless(seed).items():
            at = 1_704_067_200_000 + np.arange(len(values), dtype=np.int64) * 300_000
            series.append(replay.of(Path(name), [], [], at, values))
            names.append(name)
    replay.judge(series)
    counts: dict[str, list[float]] = {}
    for name, one in zip(names, series, strict=True):
        flagged = np.array([bool(kinds) for kinds in one.told])
        counts.setdefault(name, []).append(1e4 * len(seeded.episodes(flagged)) / len(flagged))
    return {name: float(np.mean(rates)) for name, rates in counts.items()}


def text(result: Mapping[str, Any]) -> str:
    """The result as the command prints it."""
    lines = []
    if "nab" in result:
        lines += [
            "NAB, one setting for all files, each profile at its best threshold (± bootstrap over files)",
            "",
        ]
        for profile, at in result["nab"].items():
            lines.append(
                f"  {profile:14} {at['score']:5.1f} ± {at['deviation']:.1f}   thresholds of the other categories"
                f" {at['leave out']:5.1f}   windows {at['found']}/{at['windows']}"
                f"   false alerts {at['false per 10,000']:.1f} per 10,000   threshold {at['threshold']:.6f}"
            )
    if "faults" in result:
        faults = result["faults"]
        lines += ["", "Faults put into clean stretches: what the flags find", ""]
        lines.append("  fault    found  right name  median delay, rows")
        for fault, of in faults["kinds"].items():
            delay = "-" if of["delay"] is None else f"{of['delay']:.0f}"
            lines.append(f"  {fault:8} {of['recall']:5.2f}  {of['named']:10.2f}  {delay:>5}")
        lines.append(
            f"  precision {faults['precision']:.2f}, recall {faults['recall']:.2f}, F1 {faults['F1']:.2f}, right name"
            f" {faults['named']:.0%}; untouched rows: {faults['false per 10,000 of untouched rows']:.1f} false per 10,000"
        )
    rates = result["harmless"]
    lines += ["", "Series in which nothing happens: flagged episodes per 10,000 rows", ""]
    lines += [f"  {name:22} {rate:5.1f}" for name, rate in sorted(rates.items(), key=lambda item: -item[1])]
    lines.append(f"  {'mean':22} {float(np.mean(list(rates.values()))):5.1f}")
    return "\n".join(lines)
