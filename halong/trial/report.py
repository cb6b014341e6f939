"""A trial's result in words: a table for people, as Markdown with a picture, as JSON. Pure."""

from collections.abc import Sequence
from typing import Any
from xml.sax.saxutils import escape

from halong.trial.plan import GATEWAY
from halong.trial.run import Result
from halong.trial.score import NAMES, Recall

BEGIN, END = "<!-- written by halong detect city: begin -->", "<!-- end -->"
WORDS = {
    "spike": "spike, one reading",
    "stuck": "stuck, 3 h",
    "jitter": "stuck but for the last digit, 3 h",
    "range": "out of range, 10 min",
    "rate": "impossible jumps, 1 h",
    "noise": "noise burst, 1 h",
    "drift": "drift, 12 h",
    "ageing": "ageing, 10 to 20 days",
    "bias": "bias, 4 h",
    "zero": "dead zero, 1 h",
    "unit": "another unit (×10, °F), 1 h",
    "silence": "silent, 1 h",
    "gap": "nine of ten messages lost, 2 h",
    "garbage": "half of the frames damaged, 1 h",
    "clock": "device's clock 15 min fast, 1 h",
    GATEWAY: "gateway away, 1 h; its backlog afterwards",
    "burst": "city: burst of smoke, 10 min",
    "level": "city: unusual level, 4 h",
    "regime": "city: another level from now on",
    "rhythm": "city: the usual rise does not come, 4 h",
}
Row = Sequence[str]


def as_json(result: Result) -> dict[str, Any]:
    """For programs."""
    score = result.score
    return {
        "trial": result.trial._asdict(),
        "sensors": result.sensors,
        "readings": result.stored,
        "late": result.late,
        "quarantined": result.quarantined,
        "flagged": result.flagged,
        "done": {
            kind: {**one._asdict(), "recall": one.found / one.done} for kind, one in score.recall.items()
        },
        "told": {
            kind: {**one._asdict(), "precision": one.true / one.told} for kind, one in score.precision.items()
        },
        "false_per_sensor_week": score.false_per_sensor_week,
        "false_alarms_per_day": score.false_alarms_per_day,
    }


def summary(result: Result) -> str:
    """One sentence on what was run, one on what came of it."""
    trial, score = result.trial, result.score
    every = score.recall.values()
    done, found, named = (
        sum(one.done for one in every),
        sum(one.found for one in every),
        sum(one.named for one in every),
    )
    told, true = (
        sum(one.told for one in score.precision.values()),
        sum(one.true for one in score.precision.values()),
    )
    return (
        f"{trial.days:g} days, {result.sensors} sensors, a reading every {trial.period_s:g} s, seed {trial.seed}:"
        f" {result.stored:,} readings, {result.late:,} of them late or delivered again.\n"
        f"Found {found} of {done} ({found / max(1, done):.0%}), {named} under the right name"
        f" ({named / max(1, found):.0%} of those found); {true} of {told} anomalies were true ({true / max(1, told):.0%})."
        f" False: {score.false_per_sensor_week:.2f} a sensor and week; {score.false_alarms_per_day:.1f} alarms a day in the"
        f" whole city."
    )


def tables(result: Result) -> tuple[list[Row], list[Row]]:
    """What was done and found, and what was told and true; the first row is the heading."""
    done: list[Row] = [
        ("what was done", "times", "found", "recall", "right name", "told after", "alarms for one")
    ]
    for kind, one in result.score.recall.items():
        done.append(
            (
                WORDS[kind],
                str(one.done),
                str(one.found),
                f"{one.found / one.done:.2f}",
                f"{one.named / one.found:.2f}" if one.found else "–",
                _delay(one),
                "–" if one.alarms is None else f"{one.alarms:.1f}",
            )
        )
    told: list[Row] = [("what was told", "times", "true", "precision")]
    for kind, two in result.score.precision.items():
        told.append((f"`{kind}`", str(two.told), str(two.true), f"{two.true / two.told:.2f}"))
    return done, told


def _delay(one: Recall) -> str:
    if one.delay_s is None:
        return "–"
    if one.delay_s >= 172_800:
        return f"{one.delay_s / 86_400:.1f} days"
    return f"{one.delay_s / 60:.0f} min" if one.delay_s < 7200 else f"{one.delay_s / 3600:.1f} h"


def text(result: Result) -> str:
    """For a terminal."""
    parts = [summary(result)]
    for table in tables(result):
        widths = [max(len(row[place]) for row in table) for place in range(len(table[0]))]
        lines = [
            "  ".join(
                cell.ljust(width) if place == 0 else cell.rjust(width)
                for place, (cell, width) in enumerate(zip(row, widths, strict=True))
            )
            for row in table
        ]
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def markdown(result: Result, picture: str) -> str:
    """For a page; `picture` is where its SVG is."""
    parts = [summary(result), f"![Recall and precision by kind]({picture})"]
    for table in tables(result):
        lines = [_line(table[0]), "|---" + "|---:" * (len(table[0]) - 1) + "|", *map(_line, table[1:])]
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def _line(row: Row) -> str:
    return f"| {' | '.join(row)} |"


def put_into(page: str, content: str) -> str:
    """The page with this between its marks. Raises ValueError where it has none."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page has no lines {BEGIN} and {END}")
    return f"{before}{BEGIN}\n{content}\n{END}{after}"


def svg(result: Result) -> str:
    """Bars: what was found and under which name, by what was done; and what was true, by what was told."""
    rows: list[tuple[str, float, float, str]] = [
        (WORDS[kind], one.found / one.done, one.named / one.done, f"{one.found} of {one.done}")
        for kind, one in result.score.recall.items()
    ]
    told = [
        (kind, two.true / two.told, f"{two.true} of {two.told}")
        for kind, two in result.score.precision.items()
    ]
    line, left, width = 22, 300, 420
    height = 92 + line * (len(rows) + len(told))
    parts = ['<text x="20" y="26" font-weight="bold">Done: found (light), under the right name (dark)</text>']
    y = 40
    for name, found, named, note in rows:
        parts += [
            f'<text x="{left - 10}" y="{y + 13}" text-anchor="end">{escape(name)}</text>',
            f'<rect class="all" x="{left}" y="{y}" width="{width}" height="16"/>',
            f'<rect class="found" x="{left}" y="{y}" width="{width * found:.1f}" height="16"/>',
            f'<rect class="named" x="{left}" y="{y}" width="{width * named:.1f}" height="16"/>',
            f'<text class="note" x="{left + width + 8}" y="{y + 13}">{note}</text>',
        ]
        y += line
    parts.append(f'<text x="20" y="{y + 26}" font-weight="bold">Told: true</text>')
    y += 40
    for name, true, note in told:
        parts += [
            f'<text x="{left - 10}" y="{y + 13}" text-anchor="end">{escape(name)}</text>',
            f'<rect class="all" x="{left}" y="{y}" width="{width}" height="16"/>',
            f'<rect class="true" x="{left}" y="{y}" width="{width * true:.1f}" height="16"/>',
            f'<text class="note" x="{left + width + 8}" y="{y + 13}">{note}</text>',
        ]
        y += line
    style = (
        "text{font:13px sans-serif;fill:#222}.note{fill:#666;font-size:12px}.all{fill:#eef1f4}"
        ".found{fill:#9cc3e0}.named{fill:#1f6fae}.true{fill:#3a9d6e}"
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 820 {height}" width="820" height="{height}">'
        f'<style>{style}</style><rect width="820" height="{height}" fill="#fff"/>{"".join(parts)}</svg>\n'
    )


assert set(WORDS) == set(NAMES)
