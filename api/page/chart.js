// One series over time: uPlot, with the spread of each window behind its mean, and what was unusual shaded.

import { day, locale, ZONE } from "./words.js";

const HEIGHT = [260, 0.4, 560]; // px at least, of the window, px at most

const height = () => Math.min(HEIGHT[2], Math.max(HEIGHT[0], HEIGHT[1] * innerHeight));
const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// `step` is a window in seconds, drawn at its middle, told by its start; `data` = { t: seconds[], mean: [], low: [], high: [] }; `usual` { low, expected, high } at the same places, or null; `episodes`
// [{ from, to, severity, value }], seconds, `value` what was measured then; `periods` [{ kind: "invalid" | "corrected", from, to }].
export function drawChart(host, { step, data, usual, episodes, periods, unit, decimals, labels }) {
  const number = (value) => (value === null || value === undefined ? "–" : `${value.toLocaleString(locale(), { minimumFractionDigits: decimals, maximumFractionDigits: decimals })} ${unit}`.trim());
  const unseen = (label) => ({ label, stroke: "transparent", points: { show: false }, value: (_, value) => number(value) });
  const series = [
    { label: labels.time, value: (_, t) => (t ? new Date((t - step / 2) * 1000).toLocaleString(locale(), { timeZone: ZONE, dateStyle: "medium", timeStyle: step < 60 ? "medium" : "short" }) : "–") },
    { label: labels.mean, stroke: style("--accent"), width: 2, spanGaps: false, points: { show: true, size: 4, fill: style("--accent"), filter: alone }, value: (_, value) => number(value) },
    unseen(labels.low), unseen(labels.high),
  ];
  const bands = [{ series: [3, 2], fill: style("--spread") }];
  const rows = [data.t, data.mean, data.low, data.high];
  if (usual) {
    series.push({ ...unseen(labels.expected), stroke: style("--usual-line"), dash: [6, 5], width: 1.5 }, unseen(`${labels.usual}, ${labels.low}`), unseen(`${labels.usual}, ${labels.high}`));
    bands.push({ series: [6, 5], fill: style("--usual") });
    rows.push(usual.expected, usual.low, usual.high);
  }
  // A window without neighbours is no line: it is drawn as a point.
  function alone(u, index) {
    const values = u.data[index];
    return values.flatMap((value, i) => (value !== null && (values[i - 1] ?? null) === null && (values[i + 1] ?? null) === null ? [i] : []));
  }

  const colour = (severity) => style(severity === "critical" ? "--critical" : severity === "warning" ? "--warning" : "--info");

  function inside(u, from, to, least, paint) {
    const x0 = Math.max(u.bbox.left, u.valToPos(from, "x", true)), x1 = Math.min(u.bbox.left + u.bbox.width, u.valToPos(to, "x", true));
    if (x1 >= u.bbox.left && x0 <= u.bbox.left + u.bbox.width) paint(x0, Math.max(least * devicePixelRatio, x1 - x0));
  }

  // Below the lines: what was unusual, what was declared invalid (hatched), what is corrected (a bar at the foot).
  function below(u) {
    const { ctx, bbox } = u, bar = 4 * devicePixelRatio;
    ctx.save();
    for (const { kind, from, to } of periods) inside(u, from, to, 2, (x, width) => {
      ctx.fillStyle = kind === "invalid" ? hatching(ctx) : style("--info");
      if (kind === "invalid") ctx.fillRect(x, bbox.top, width, bbox.height);
      else ctx.fillRect(x, bbox.top + bbox.height - bar, width, bar);
    });
    for (const { from, to, severity } of episodes) inside(u, from, to, 2, (x, width) => {
      ctx.fillStyle = colour(severity);
      ctx.globalAlpha = 0.2;
      ctx.fillRect(x, bbox.top, width, bbox.height);
      ctx.globalAlpha = 1;
      ctx.fillRect(x, bbox.top, width, bar);
    });
    ctx.restore();
  }

  // Above them: the value that was flagged.
  function above(u) {
    const { ctx } = u;
    ctx.save();
    for (const { from, severity, value } of episodes) {
      if (value === null || value === undefined) continue;
      inside(u, from, from, 0, (x) => {
        ctx.beginPath();
        ctx.arc(x, Math.max(u.bbox.top, Math.min(u.bbox.top + u.bbox.height, u.valToPos(value, "y", true))), 4.5 * devicePixelRatio, 0, 2 * Math.PI);
        ctx.fillStyle = colour(severity);
        ctx.fill();
        ctx.lineWidth = 1.5 * devicePixelRatio;
        ctx.strokeStyle = style("--panel");
        ctx.stroke();
      });
    }
    ctx.restore();
  }

  function hatching(ctx) {
    const tile = document.createElement("canvas"), size = 8;
    tile.width = tile.height = size;
    const pen = tile.getContext("2d");
    pen.strokeStyle = style("--edge");
    pen.beginPath();
    for (const shift of [-size, 0, size]) { pen.moveTo(shift, size); pen.lineTo(shift + size, 0); }
    pen.stroke();
    return ctx.createPattern(tile, "repeat");
  }
  const axis = { stroke: style("--soft"), grid: { stroke: style("--line"), width: 1 }, ticks: { stroke: style("--line") }, font: "12px system-ui, sans-serif" };
  const time = (t, language, seconds) => new Date(t * 1000).toLocaleTimeString(language, { timeZone: ZONE, hour: "2-digit", minute: "2-digit", ...(seconds ? { second: "2-digit" } : {}) });
  const times = (_, splits, __, ___, between) => splits.map((t) => (between >= 86_400 || time(t, "en-GB", true) === "00:00:00" ? day(t * 1000) : time(t, locale(), between < 60)));
  const plot = new uPlot({
    width: host.clientWidth, height: height(), tzDate: (t) => uPlot.tzDate(new Date(t * 1000), ZONE),
    series, bands, hooks: { drawClear: [below], draw: [above] },
    axes: [{ ...axis, space: 84, values: times }, { ...axis, size: 64, values: (_, splits) => splits.map((value) => value.toLocaleString(locale())) }],
    scales: { x: { time: true } }, legend: { live: true },
  }, rows, host);
  const fit = new ResizeObserver(() => { if (host.clientWidth) plot.setSize({ width: host.clientWidth, height: height() }); });
  fit.observe(host);
  return { close() { fit.disconnect(); plot.destroy(); } };
}
