// Calling the operator: a notification of the browser, and a tone, for critical alarms. Off until somebody wants them.

import { city, onCall } from "./city.js";
import { isVietnamese, keep, kept, word } from "./words.js";

const TONES = [[880, 0], [660, 0.22], [880, 0.44]]; // Hz, s from now
let sound = null;

export const wants = (way) => kept(way) === "on";

export async function switchWay(way) {
  const on = !wants(way);
  if (on && way === "notify" && (!("Notification" in window) || (await Notification.requestPermission()) !== "granted")) return word("notifyRefused");
  keep(way, on ? "on" : "off");
  if (on && way === "sound") ring();
  return "";
}

function ring() {
  sound ??= new AudioContext();
  sound.resume();
  for (const [pitch, after] of TONES) {
    const tone = sound.createOscillator(), loudness = sound.createGain(), from = sound.currentTime + after;
    tone.frequency.value = pitch;
    loudness.gain.setValueAtTime(0.2, from);
    loudness.gain.exponentialRampToValueAtTime(0.001, from + 0.2);
    tone.connect(loudness).connect(sound.destination);
    tone.start(from);
    tone.stop(from + 0.2);
  }
}

function show(alarm) {
  const site = city.sites.get(alarm.site)?.name ?? "Hạ Long";
  const note = new Notification(`${word("critical")} · ${site}`, { body: isVietnamese() ? alarm.text_vi : alarm.text, tag: alarm.id, lang: document.documentElement.lang, icon: "page/icon.svg" });
  note.addEventListener("click", () => { focus(); location.hash = "#/alarms"; note.close(); });
}

export function callForCritical() {
  onCall((news) => {
    const critical = news.filter((one) => one.severity === "critical" && !one.acknowledged);
    if (critical.length && wants("sound")) ring();
    if (wants("notify") && window.Notification?.permission === "granted") critical.forEach(show);
  });
  // A browser lets a page sound only after somebody has touched it once.
  if (wants("sound")) addEventListener("pointerdown", () => { sound ??= new AudioContext(); sound.resume(); }, { once: true });
}
