"""A replayed series as an SVG: the value in its band, what was told, and labelled windows when they are known. Pure."""

import math
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple
from xml.sax.saxutils import escape

import numpy as np
from numpy.typing import NDArray

from halong.replay import Series
from telemetry.anomaly import AnomalyKind
from telemetry.times import DAY_MS, HOUR_MS, MINUTE_MS

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM, SCORES = 1200, 420, 70, 20, 64, 34, 70
COLUMNS = WIDTH - LEFT - RIGHT
PLOT = HEIGHT - TOP - BOTTOM - SCORES
FLOOR = HEIGHT - BOTTOM
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
LARGEST, SMALLEST = 1e300, 1e-300  # beyond them a difference is no number
BEYOND = 3.0  # spans of 99 of 100 values: what is farther out than this beside them is drawn at the edge
HOLE, HOLE_COLUMNS = 5, 3  # times the usual interval and columns without a reading: the line is broken
STEPS_MS = [
    *(MINUTE_MS * number for number in (1, 5, 15, 30)),
    *(HOUR_MS * number for number in (1, 2, 3, 6, 12)),
    *(DAY_MS * number for number in (1, 2, 3, 7, 14, 28, 56, 182, 364)),
]
LETTER = 6.4  # pixels
Window = tuple[int, int]
Floats = NDArray[np.float64]
Number = NDArray[Any] | float


class Frame(NamedTuple):
    """What the picture spans: times in ms, values in the series' unit."""

    first: int
    last: int
    low: float
    high: float

    def x(self, at: Number) -> Floats:
        """Pixels from the left."""
        return LEFT + COLUMNS * (np.asarray(at, np.float64) - self.first) / (self.last - self.first)

    def y(self, value: Number) -> Floats:
        """Pixels from above; what lies outside is at the edge."""
        inside = np.clip(np.asarray(value, np.float64), self.low, self.high)
        return TOP + PLOT * ((self.high - inside) / (self.high - self.low))


def svg(series: Series, windows: Sequence[Window] = ()) -> str:
    """The picture; `windows` are (first, last) in ms, as in the series."""
    if not len(series.at_ms):
        return _page(series, [f'<text x="{WIDTH / 2}" y="200" text-anchor="middle">no rows</text>'])
    frame = _frame(series)
    column = np.clip(frame.x(series.at_ms) - LEFT, 0, COLUMNS - 1).astype(int)
    runs = list(_runs(series, column))
    parts = [
        f'<rect class="window" x="{begin:.1f}" y="{TOP}" width="{max(1.0, end - begin):.1f}" height="{PLOT}"/>'
        for begin, end in (np.clip(frame.x(np.array(window)), LEFT, LEFT + COLUMNS) for window in windows)
    ]
    parts += _axes(frame)
    parts += _band(series, column, runs, frame)
    parts.append(_line(series, column, runs, frame))
    parts += _scores(series, column)
    parts += _told(series, frame)
    return _page(series, parts)


def _frame(series: Series) -> Frame:
    first, last = int(series.at_ms.min()), int(series.at_ms.max())
    if first == last:
        first, last = first - HOUR_MS, last + HOUR_MS
    finite = np.clip(series.values[np.isfinite(series.values)], -LARGEST, LARGEST)
    if not len(finite):
        return Frame(first, last, 0.0, 1.0)
    low, high = float(finite.min()), float(finite.max())
    usual_low, usual_high = (float(edge) for edge in np.quantile(finite, (0.005, 0.995)))
    if span := usual_high - usual_low:
        low, high = max(low, usual_low - BEYOND * span), min(high, usual_high + BEYOND * span)
    margin = 0.06 * ((high - low) or abs(high)) or 1.0
    return Frame(first, last, low - margin, high + margin)


def _runs(series: Series, column: NDArray[np.int64]) -> Iterator[slice]:
    """Stretches of columns between holes, each from its first to one past its last."""
    good = np.isfinite(series.values)
    order = np.argsort(series.at_ms[good], kind="stable")
    steps, place = np.diff(series.at_ms[good][order]), column[good][order]
    usual = float(np.median(steps[steps > 0])) if (steps > 0).any() else 0.0
    holes = np.flatnonzero((steps > HOLE * usual) & (np.diff(place) > HOLE_COLUMNS))
    for begin, end in zip(np.r_[0, holes + 1], np.r_[holes, len(place) - 1], strict=True):
        if len(place):
            yield slice(int(place[begin]), int(place[end]) + 1)


def _columns(column: NDArray[np.int64], values: Floats, largest: bool) -> Floats:
    """The largest or smallest value of each pixel column, NaN where there is none."""
    out = np.full(COLUMNS, -np.inf if largest else np.inf)
    good = np.isfinite(values)
    (np.maximum if largest else np.minimum).at(out, column[good], values[good])
    return np.where(np.isfinite(out), out, np.nan)


def _line(series: Series, column: NDArray[np.int64], runs: Sequence[slice], frame: Frame) -> str:
    high, low = (_columns(column, series.values, side) for side in (True, False))
    strokes = []
    for run in runs:
        points = []
        for at in run.start + np.flatnonzero(np.isfinite(high[run])):
            points.append(f"{LEFT + at},{frame.y(low[at]):.1f}")
            if high[at] > low[at]:
                points.append(f"{LEFT + at},{frame.y(high[at]):.1f}")
        strokes.append(f"M{'L'.join(points)}" if len(points) > 1 else f"M{points[0]}h.1")
    return f'<path class="value" d="{"".join(strokes)}"/>'


def _band(series: Series, column: NDArray[np.int64], runs: Sequence[slice], frame: Frame) -> list[str]:
    if not len(series.low):
        return []
    high, low = _columns(column, series.high, True), _columns(column, series.low, False)
    strokes = []
    for run in runs:
        places = run.start + np.flatnonzero(np.isfinite(high[run]) & np.isfinite(low[run]))
        upper = [f"{LEFT + at},{frame.y(high[at]):.1f}" for at in places]
        lower = [f"{LEFT + at},{frame.y(low[at]):.1f}" for at in places[::-1]]
        if len(places) > 1:
            strokes.append(f"M{'L'.join(upper + lower)}z")
    return [f'<path class="band" d="{"".join(strokes)}"/>'] if strokes else []


def _scores(series: Series, column: NDArray[np.int64]) -> list[str]:
    best, full = _columns(column, series.score, True), SCORES - 16
    bars = [
        f'<line class="score" x1="{LEFT + at}" x2="{LEFT + at}" y1="{FLOOR}" y2="{FLOOR - full * best[at]:.1f}"/>'
        for at in np.flatnonzero(np.nan_to_num(best) > 0.5)
    ]
    labels = [
        f'<text class="note" x="{LEFT - 6}" y="{FLOOR - full * level + 4}" text-anchor="end">{text}</text>'
        for level, text in ((0, "0"), (0.5, "score"), (1, "1"))
    ]
    rest = f'<line class="grid" x1="{LEFT}" x2="{LEFT + COLUMNS}" y1="{FLOOR}" y2="{FLOOR}"/>'
    return [rest, *bars, *labels]


def _told(series: Series, frame: Frame) -> list[str]:
    parts: list[str] = []
    free = [0.0, 0.0, 0.0]  # where the next label may begin, per line
    for row, kinds in enumerate(series.told):
        if not kinds:
            continue
        value = float(series.values[row])
        at, height = float(frame.x(series.at_ms[row])), float(frame.y(value))
        style = "health" if HEALTH & set(kinds) else "city"
        text = ", ".join(kinds)
        if not frame.low <= value <= frame.high:
            text += f" {value:.4g}"
        when = f"{_moment(int(series.at_ms[row])):%Y-%m-%d %H:%M:%S}"
        parts.append(
            f'<circle class="{style}" cx="{at:.1f}" cy="{height:.1f}" r="4">'
            f"<title>{text}: {value:.6g} at {when}</title></circle>"
        )
        line, width = int(np.argmin(free)), LETTER * len(text)
        begin = min(at + 6, LEFT + COLUMNS - width - 4)
        if begin >= free[line]:
            parts.append(f'<text class="{style}" x="{begin:.1f}" y="{TOP + 13 + 13 * line}">{text}</text>')
            free[line] = begin + width + 8
    return parts


def _axes(frame: Frame) -> list[str]:
    parts = [f'<rect class="frame" x="{LEFT}" y="{TOP}" width="{COLUMNS}" height="{PLOT}"/>']
    for level in _levels(frame.low, frame.high):
        at = float(frame.y(level))
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{LEFT + COLUMNS}" y1="{at:.1f}" y2="{at:.1f}"/>')
        parts.append(
            f'<text class="note" x="{LEFT - 6}" y="{at + 4:.1f}" text-anchor="end">{level:.6g}</text>'
        )
    for moment in _moments(frame.first, frame.last):
        at, when = float(frame.x(moment)), _moment(moment)
        text = f"{when:%Y-%m-%d}" if moment % DAY_MS == 0 else f"{when:%H:%M}"
        parts.append(f'<line class="grid" x1="{at:.1f}" x2="{at:.1f}" y1="{TOP}" y2="{TOP + PLOT}"/>')
        parts.append(f'<text class="note" x="{at:.1f}" y="{HEIGHT - 14}" text-anchor="middle">{text}</text>')
    return parts


def _levels(low: float, high: float) -> list[float]:
    """Some four round numbers between the two."""
    rough = high / 4 - low / 4
    if rough < SMALLEST:
        return []
    unit = 10.0 ** math.floor(math.log10(rough))
    step = unit * next(part for part in (1, 2, 5, 10) if part * unit >= rough * 0.6)
    return [step * number for number in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _moments(first: int, last: int) -> range:
    """Some eight round times between the two."""
    step = next(
        (step for step in STEPS_MS if (last - first) / step <= 9),
        STEPS_MS[-1] * (1 + (last - first) // (9 * STEPS_MS[-1])),
    )
    return range(-(-first // step) * step, last + 1, step)


def _moment(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC)


LEGEND: tuple[tuple[str, str, Callable[[float], str]], ...] = (
    ("value", "value", lambda x: f'<line class="value" x1="{x}" x2="{x + 18}" y1="46" y2="46"/>'),
    ("band", "99 of 100 readings", lambda x: f'<rect class="band" x="{x}" y="40" width="18" height="12"/>'),
    ("city", "unusual", lambda x: f'<circle class="city" cx="{x + 9}" cy="46" r="4"/>'),
    ("health", "the sensor", lambda x: f'<circle class="health" cx="{x + 9}" cy="46" r="4"/>'),
    ("window", "labelled", lambda x: f'<rect class="window" x="{x}" y="40" width="18" height="12"/>'),
)


def _page(series: Series, parts: Sequence[str]) -> str:
    style = (
        "text{font:12px sans-serif;fill:#222}.note{fill:#666;font-size:11px}.frame{fill:none;stroke:#bbb}"
        ".grid{stroke:#ddd;stroke-width:.6}.window{fill:#f6c344;fill-opacity:.35}.band{fill:#7aa6c2;fill-opacity:.3}"
        ".value{fill:none;stroke:#1f4e79;stroke-width:1;stroke-linecap:round;stroke-linejoin:round}.score{stroke:#999}"
        "circle.city{fill:#d1495b}text.city{fill:#d1495b;font-size:11px}"
        "circle.health{fill:#7b2cbf}text.health{fill:#7b2cbf;font-size:11px}"
    )
    alerts = sum(bool(kinds) for kinds in series.told)
    spans = ""
    if len(series.at_ms):
        first, last = (_moment(int(edge)) for edge in (series.at_ms.min(), series.at_ms.max()))
        spans = f" · {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M}"
    counts = f"{len(series.at_ms):,} rows, {alerts:,} told{spans}"
    legend, x = [], float(LEFT)
    for _, text, sign in LEGEND:
        legend.append(f'{sign(x)}<text class="note" x="{x + 23}" y="50">{text}</text>')
        x += 23 + LETTER * len(text) + 18
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}">'
        f'<style>{style}</style><rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>'
        f'<text x="{LEFT}" y="22" font-weight="bold">{escape(str(series.path))}</text>'
        f'<text class="note" x="{LEFT + COLUMNS}" y="22" text-anchor="end">{counts}</text>'
        f"{''.join(legend)}{''.join(parts)}</svg>\n"
    )
