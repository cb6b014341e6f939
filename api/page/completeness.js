// How complete a cell of the ledger is: its colour, and what is told of it in one sentence.

import { share, whole, word } from "./words.js";

const FIGURES = ["expected", "stored", "lost", "pending", "quarantined", "invalid", "late", "given_up", "bad"], ALWAYS = ["expected", "stored"];
export const GRADES = [[0.99, "full"], [0.95, "nearly"], [0.8, "gaps"], [-1, "poor"]];

const DAY_MS = 86_400_000, CITY_OFFSET_MS = 7 * 3_600_000;
export const midnight = (ms) => Math.floor((ms + CITY_OFFSET_MS) / DAY_MS) * DAY_MS - CITY_OFFSET_MS; // of the city's day

export const gradeOf = (cell) => (!cell || cell.completeness === null ? "empty" : GRADES.find(([from]) => cell.completeness >= from)[1]);

// Several cells as one.
export function summed(cells) {
  const whole = Object.fromEntries([...FIGURES, "good", "estimated", "hours"].map((name) => [name, cells.reduce((sum, cell) => sum + (cell[name] ?? 0), 0)]));
  return { ...whole, completeness: whole.expected ? whole.good / whole.expected : null };
}

export function told(cell) {
  if (!cell) return word("noLedger");
  const parts = FIGURES.filter((name) => cell[name] || (cell[name] === 0 && ALWAYS.includes(name))).map((name) => `${word(name)} ${whole(cell[name])}`);
  if (cell.completeness !== null) parts.unshift(`${word("complete")} ${share(cell.completeness)}`);
  if (cell.estimated) parts.push(`${word("estimatedHours")} ${whole(cell.estimated)}/${whole(cell.hours)}`);
  return parts.join(" · ");
}
