// The page: which view is open, the language, the theme, and when to draw.

import * as alarmsView from "./alarms_view.js";
import { callForCritical } from "./callout.js";
import { city, more, onChange, onRefused, openAlarms, start } from "./city.js";
import * as cityView from "./city_view.js";
import * as dataView from "./data_view.js";
import { keyed, mark, node, write } from "./dom.js";
import * as fleetView from "./fleet_view.js";
import * as sensorView from "./sensor_view.js";
import { sessionButton, signInForm } from "./sign_in.js";
import * as siteView from "./site_view.js";
import { clock, date, isVietnamese, keep, kept, now, switchLanguage, word } from "./words.js";

const TABS = [["city", "#/", cityView], ["alarms", "#/alarms", alarmsView], ["data", "#/data", dataView], ["fleet", "#/fleet", fleetView]];
const ONE = { sensor: sensorView, site: siteView };
const byId = (id) => document.getElementById(id);
let view = null, tab = "city", waiting = false;

function route() {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const [name, id] = path.split("/");
  view?.close();
  const main = byId("main");
  main.replaceChildren();
  const found = TABS.find(([label]) => label === name);
  const one = ONE[name];
  tab = found ? name : one ? "" : "city";
  view = one ? one.open(main, decodeURIComponent(id ?? ""), new URLSearchParams(query)) : (found ?? TABS[0])[2].open(main);
  main.dataset.view = one ? name : tab;
  scrollTo(0, 0);
  draw();
}

function draw() {
  waiting = false;
  document.documentElement.lang = isVietnamese() ? "vi" : "en";
  for (const element of document.querySelectorAll("[data-text]")) write(element, word(element.dataset.text));
  write(byId("link"), word(city.link));
  mark(byId("link"), { up: city.link === "live", down: city.link === "away" });
  write(byId("clock"), clock(now()));
  write(byId("date"), date(now()));
  write(byId("version"), city.version);
  byId("tabs").setAttribute("aria-label", word("views"));
  write(byId("language"), word("otherCode").toUpperCase());
  for (const [id, name] of [["language", word("other")], ["theme", word(isDark() ? "light" : "dark")]]) { byId(id).title = name; byId(id).setAttribute("aria-label", name); }
  showSession();
  form.update();
  const open = openAlarms().length;
  document.title = `${open ? `(${open}) ` : ""}Hạ Long telemetry`;
  keyed(byId("tabs"), TABS, ([name]) => name, ([, href]) => node("a", { href }, node("span", {}), node("b", { class: "badge" })), (link, [name]) => {
    write(link.firstChild, word(name));
    const count = name === "alarms" ? open : 0;
    write(link.lastChild, count ? String(count) : "");
    link.lastChild.hidden = !count;
    if (name === tab) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  });
  view?.update();
}

function soon() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(draw);
}

const isDark = () => (document.documentElement.dataset.theme ? document.documentElement.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches);
function theme(name) { if (name === "dark" || name === "light") document.documentElement.dataset.theme = name; }

theme(kept("theme"));
byId("theme").addEventListener("click", () => { theme(isDark() ? "light" : "dark"); keep("theme", isDark() ? "dark" : "light"); draw(); });
byId("language").addEventListener("click", () => { switchLanguage(); draw(); });
byId("skip").addEventListener("click", (event) => { event.preventDefault(); byId("main").focus(); });
addEventListener("hashchange", () => { route(); byId("main").focus({ preventScroll: true }); });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
const form = signInForm(() => location.reload());
const showSession = sessionButton(byId("session"), form, () => location.reload());
onRefused(() => form.show(true));
onChange(soon);
callForCritical();
draw();
await start();
route();
performance.mark("shown");
if (document.hidden) more();
else requestAnimationFrame(() => setTimeout(more)); // after the paint: what the first view can do without
setInterval(soon, 1000); // ages move on by themselves
