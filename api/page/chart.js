// One series over time: uPlot, with the spread of each window behind its mean, and what was unusual shaded.

import { day, locale, ZONE } from "./words.js";

const HEIGHT = 340;

const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// `data` = { t: seconds[], mean: [], low: [], high: [] }, `usual` the same for the expected band or null, `episodes` [{ from, to, severity }] in seconds.
export function drawChart(host, { data, usual, episodes, unit, decimals, labels }) {
  const number = (value) => (value === null || value === undefined ? "–" : `${value.toLocaleString(locale(), { minimumFractionDigits: decimals, maximumFractionDigits: decimals })} ${unit}`.trim());
  const series = [
    { label: "", value: (_, t) => (t ? new Date(t * 1000).toLocaleString(locale(), { timeZone: ZONE, dateStyle: "medium", timeStyle: "short" }) : "–") },
    { label: labels.mean, stroke: style("--accent"), width: 2, spanGaps: false, value: (_, value) => number(value) },
    { label: labels.low, stroke: "transparent", points: { show: false }, value: (_, value) => number(value) },
    { label: labels.high, stroke: "transparent", points: { show: false }, value: (_, value) => number(value) },
  ];
  const bands = [{ series: [3, 2], fill: style("--spread") }];
  const rows = [data.t, data.mean, data.low, data.high];
  if (usual) {
    series.push(
      { label: labels.usualLow, stroke: style("--usual-line"), dash: [4, 4], width: 1, points: { show: false }, value: (_, value) => number(value) },
      { label: labels.usualHigh, stroke: style("--usual-line"), dash: [4, 4], width: 1, points: { show: false }, value: (_, value) => number(value) });
    bands.push({ series: [5, 4], fill: style("--usual") });
    rows.push(usual.low, usual.high);
  }
  const shade = (u) => {
    u.ctx.save();
    for (const { from, to, severity } of episodes) {
      const x0 = Math.max(u.bbox.left, u.valToPos(from, "x", true)), x1 = Math.min(u.bbox.left + u.bbox.width, u.valToPos(to, "x", true));
      if (x1 < u.bbox.left || x0 > u.bbox.left + u.bbox.width) continue;
      u.ctx.fillStyle = style(severity === "critical" ? "--critical" : severity === "warning" ? "--warning" : "--info");
      u.ctx.globalAlpha = 0.22;
      u.ctx.fillRect(x0, u.bbox.top, Math.max(2, x1 - x0), u.bbox.height);
      u.ctx.globalAlpha = 1;
      u.ctx.fillRect(x0, u.bbox.top, Math.max(2, x1 - x0), 4 * devicePixelRatio);
    }
    u.ctx.restore();
  };
  const axis = { stroke: style("--soft"), grid: { stroke: style("--line"), width: 1 }, ticks: { stroke: style("--line") }, font: "12px system-ui, sans-serif" };
  const times = (_, splits, __, ___, step) => splits.map((t) => (step >= 86_400 || new Date(t * 1000).toLocaleTimeString("en-GB", { timeZone: ZONE, hour: "2-digit", minute: "2-digit" }) === "00:00" ? day(t * 1000) : new Date(t * 1000).toLocaleTimeString(locale(), { timeZone: ZONE, hour: "2-digit", minute: "2-digit" })));
  const plot = new uPlot({
    width: host.clientWidth, height: HEIGHT, tzDate: (t) => uPlot.tzDate(new Date(t * 1000), ZONE),
    series, bands, hooks: { drawClear: [shade] },
    axes: [{ ...axis, values: times }, { ...axis, size: 64, values: (_, splits) => splits.map((value) => value.toLocaleString(locale())) }],
    scales: { x: { time: true } }, legend: { live: true },
  }, rows, host);
  const fit = new ResizeObserver(() => { if (host.clientWidth) plot.setSize({ width: host.clientWidth, height: HEIGHT }); });
  fit.observe(host);
  return { close() { fit.disconnect(); plot.destroy(); } };
}
