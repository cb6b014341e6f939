"""A replayed series as an SVG: the value in its band, what was told, and labelled windows when they are known. Pure."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any
from xml.sax.saxutils import escape

import numpy as np
from numpy.typing import NDArray

from halong.replay import Series
from telemetry.anomaly import AnomalyKind

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM, SCORES = 1200, 420, 70, 20, 46, 40, 70
COLUMNS = WIDTH - LEFT - RIGHT
HEALTH = frozenset(
    {
        AnomalyKind.RANGE,
        AnomalyKind.STUCK,
        AnomalyKind.ZERO,
        AnomalyKind.GAP,
        AnomalyKind.UNIT,
        AnomalyKind.NOISE,
    }
)
LARGEST = 1e304  # beyond it a difference is no number
Window = tuple[int, int]
Number = NDArray[Any] | float
Scale = Callable[[Number], NDArray[np.float64]]


def svg(series: Series, windows: Sequence[Window] = ()) -> str:
    """The picture; `windows` are (first, last) in ms, as in the series."""
    if not len(series.at_ms):
        return _page(series, ['<text x="600" y="200" text-anchor="middle">no rows</text>'])
    first, last = int(series.at_ms.min()), max(int(series.at_ms.max()), int(series.at_ms.min()) + 1)
    finite = np.clip(series.values[np.isfinite(series.values)], -LARGEST, LARGEST)
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
    margin = 0.06 * ((high - low) or abs(high)) or 1.0
    low, high = low - margin, high + margin
    plot = HEIGHT - TOP - BOTTOM - SCORES

    def x(at: Number) -> NDArray[np.float64]:
        return LEFT + COLUMNS * (np.asarray(at, np.float64) - first) / (last - first)

    def y(value: Number) -> NDArray[np.float64]:
        return TOP + plot * (high - np.clip(np.asarray(value, np.float64), low, high)) / (high - low)

    parts = [
        f'<rect class="window" x="{x(begin):.1f}" y="{TOP}" width="{max(1.0, x(end) - x(begin)):.1f}" height="{plot}"/>'
        for begin, end in windows
    ]
    column = np.clip(x(series.at_ms) - LEFT, 0, COLUMNS - 1).astype(int)
    parts += _band(series, column, y)
    parts.append(_line(series, column, y))
    parts += _scores(series, column)
    parts += _told(series, x, y)
    parts += _axes(first, last, low, high, plot)
    return _page(series, parts)


def _columns(column: NDArray[np.int64], values: NDArray[np.float64], largest: bool) -> NDArray[np.float64]:
    """The largest or smallest value of each pixel column, NaN where there is none."""
    out = np.full(COLUMNS, -np.inf if largest else np.inf)
    good = np.isfinite(values)
    (np.maximum if largest else np.minimum).at(out, column[good], values[good])
    return np.where(np.isfinite(out), out, np.nan)


def _line(series: Series, column: NDArray[np.int64], y: Scale) -> str:
    high, low = (_columns(column, series.values, side) for side in (True, False))
    points = []
    for at in np.flatnonzero(np.isfinite(high)):
        points.append(f"{LEFT + at:.0f},{y(low[at]):.1f}")
        if high[at] > low[at]:
            points.append(f"{LEFT + at:.0f},{y(high[at]):.1f}")
    return f'<polyline class="value" points="{" ".join(points)}"/>'


def _band(series: Series, column: NDArray[np.int64], y: Scale) -> list[str]:
    if not len(series.low):
        return []
    high, low = _columns(column, series.high, True), _columns(column, series.low, False)
    at = np.flatnonzero(np.isfinite(high) & np.isfinite(low))
    if not len(at):
        return []
    upper = [f"{LEFT + place},{y(high[place]):.1f}" for place in at]
    lower = [f"{LEFT + place},{y(low[place]):.1f}" for place in at[::-1]]
    return [f'<polygon class="band" points="{" ".join(upper + lower)}"/>']


def _scores(series: Series, column: NDArray[np.int64]) -> list[str]:
    floor = HEIGHT - BOTTOM
    best = _columns(column, series.score, True)
    bars = [
        f'<line class="score" x1="{LEFT + at}" x2="{LEFT + at}" y1="{floor}" y2="{floor - (SCORES - 12) * best[at]:.1f}"/>'
        for at in np.flatnonzero(np.nan_to_num(best) > 0.5)
    ]
    return [*bars, f'<text class="note" x="{LEFT - 6}" y="{floor - 20}" text-anchor="end">score</text>']


def _told(series: Series, x: Scale, y: Scale) -> list[str]:
    parts: list[str] = []
    free = [0.0, 0.0, 0.0]  # where the next label may begin, per line
    for row, kinds in enumerate(series.told):
        if not kinds:
            continue
        at, value = float(x(series.at_ms[row])), float(y(series.values[row]))
        style = "health" if HEALTH & set(kinds) else "city"
        text = ", ".join(kinds)
        parts.append(
            f'<circle class="{style}" cx="{at:.1f}" cy="{value:.1f}" r="4"><title>{text}</title></circle>'
        )
        line = int(np.argmin(free))
        if at >= free[line]:
            parts.append(f'<text class="{style}" x="{at:.1f}" y="{TOP + 11 + 12 * line}">{text}</text>')
            free[line] = at + 6.2 * len(text) + 8
    return parts


def _axes(first: int, last: int, low: float, high: float, plot: int) -> list[str]:
    parts = [f'<rect class="frame" x="{LEFT}" y="{TOP}" width="{COLUMNS}" height="{plot}"/>']
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        level = TOP + plot * (1 - share)
        text = f"{low + share * (high - low):.4g}"
        parts.append(f'<text class="note" x="{LEFT - 6}" y="{level + 4:.0f}" text-anchor="end">{text}</text>')
        moment = datetime.fromtimestamp((first + share * (last - first)) / 1000, UTC)
        at = LEFT + COLUMNS * share
        anchor = "start" if share == 0 else "end" if share == 1 else "middle"
        parts.append(
            f'<text class="note" x="{at:.0f}" y="{HEIGHT - 16}" text-anchor="{anchor}">{moment:%Y-%m-%d %H:%M}</text>'
        )
    return parts


def _page(series: Series, parts: Sequence[str]) -> str:
    style = (
        "text{font:12px sans-serif;fill:#222}.note{fill:#666;font-size:11px}.frame{fill:none;stroke:#bbb}"
        ".window{fill:#f6c344;fill-opacity:.35}.band{fill:#7aa6c2;fill-opacity:.3}"
        ".value{fill:none;stroke:#1f4e79;stroke-width:1}.score{stroke:#999}"
        "circle.city{fill:#d1495b}text.city{fill:#d1495b;font-size:11px}"
        "circle.health{fill:#7b2cbf}text.health{fill:#7b2cbf;font-size:11px}"
    )
    title = escape(str(series.path))
    legend = "blue: value and usual band · red: unusual · violet: the sensor · yellow: labelled"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}">'
        f'<style>{style}</style><rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>'
        f'<text x="{LEFT}" y="20" font-weight="bold">{title}</text>'
        f'<text class="note" x="{LEFT}" y="37">{legend}</text>{"".join(parts)}</svg>\n'
    )
