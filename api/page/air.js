// VN_AQI as the page shows it: bands of Decision 1459/QĐ-TCMT with their official colours, and ink that can be read on them.

import { isVietnamese } from "./words.js";

const BANDS = [
  { above: 50, vi: "Tốt", en: "Good", colour: "#00e400", ink: "#000" },
  { above: 100, vi: "Trung bình", en: "Moderate", colour: "#ffff00", ink: "#000" },
  { above: 150, vi: "Kém", en: "Poor", colour: "#ff7e00", ink: "#000" },
  { above: 200, vi: "Xấu", en: "Bad", colour: "#ff0000", ink: "#000" },
  { above: 300, vi: "Rất xấu", en: "Very bad", colour: "#8f3f97", ink: "#fff" },
  { above: Infinity, vi: "Nguy hại", en: "Hazardous", colour: "#7e0023", ink: "#fff" },
];
const PM25 = [25, 50, 80, 150, 250]; // µg/m³, upper ends of the first five bands

export const ofIndex = (index) => BANDS.find((band) => index <= band.above);
export const ofPm25 = (value) => BANDS[PM25.findIndex((upper) => value <= upper)] ?? BANDS[5];
export const bandName = (band) => (isVietnamese() ? band.vi : band.en);
