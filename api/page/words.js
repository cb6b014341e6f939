// The language that is chosen, and how it writes numbers and times.

import { WORDS } from "./texts.js";

export const ZONE = "Asia/Ho_Chi_Minh";
const SIGNS = { "ug/m3": "µg/m³", Cel: "°C", "%RH": "%", "%EL": "%", deg: "°", "W/m2": "W/m²", count: "" };

let language = kept("language") ?? (navigator.language.startsWith("vi") ? "vi" : "en");

export function kept(name) { try { return localStorage.getItem(name); } catch { return null; } }
export function keep(name, value) { try { localStorage.setItem(name, value); } catch { /* a browser that keeps nothing asks again */ } }

// The hub's time: what is shown is judged by the clock that dated it, whatever the clock of this screen says.
const TOLERATED_MS = 2000;
let ahead = 0;
export const now = () => Date.now() + ahead;
export function setTheClock(hubMs, at) { ahead = Math.abs(hubMs - at) > TOLERATED_MS ? Math.round(hubMs - at) : 0; }

export const word = (name) => WORDS[language][name] ?? name;
export const isVietnamese = () => language === "vi";
export const locale = () => (language === "vi" ? "vi-VN" : "en-GB");
export function switchLanguage() {
  language = word("otherCode");
  keep("language", language);
}

export const title = (thing) => (isVietnamese() ? thing?.title_vi : thing?.title) ?? thing?.name ?? "";
export const unitOf = (quantity) => SIGNS[quantity?.unit] ?? quantity?.unit ?? "";
export const whole = (number) => number.toLocaleString(locale());
export function amount(quantity, value) {
  const decimals = quantity?.decimals ?? 1;
  return value.toLocaleString(locale(), { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
}
export const share = (part) => part.toLocaleString(locale(), { style: "percent", maximumFractionDigits: part > 0.995 && part < 1 ? 2 : 1 });
export function size(bytes) {
  const [count, unit] = bytes >= 1e9 ? [bytes / 1e9, "GB"] : bytes >= 1e6 ? [bytes / 1e6, "MB"] : [bytes / 1e3, "kB"];
  return `${count.toLocaleString(locale(), { maximumSignificantDigits: 3 })} ${unit}`;
}
export const clock = (ms) => new Date(ms).toLocaleTimeString(locale(), { timeZone: ZONE });
export const day = (ms) => new Date(ms).toLocaleDateString(locale(), { timeZone: ZONE, weekday: "short", day: "numeric", month: "numeric" });
export const weekdayAndDate = (ms) => [{ weekday: "short" }, { day: "numeric", month: "numeric" }].map((parts) => new Date(ms).toLocaleDateString(locale(), { timeZone: ZONE, ...parts }));
export const date = (ms) => new Date(ms).toLocaleDateString(locale(), { timeZone: ZONE, weekday: "long", day: "numeric", month: "numeric", year: "numeric" });
export const moment = (ms) => (day(ms) === day(now()) ? clock(ms) : `${clock(ms)} ${day(ms)}`);

export function lasting(ms) {
  const s = Math.max(0, Math.round(ms / 1000));
  const [count, vi, en] = s < 120 ? [s, "giây", "s"] : s < 7200 ? [Math.floor(s / 60), "phút", "min"] : s < 172_800 ? [Math.floor(s / 3600), "giờ", "h"] : [Math.floor(s / 86_400), "ngày", "days"];
  return `${whole(count)} ${isVietnamese() ? vi : en}`;
}

export function ago(ms) {
  if (now() - ms < 1500) return isVietnamese() ? "vừa xong" : "just now";
  return `${lasting(now() - ms)} ${word("ago")}`;
}
