"""The page in a real Chromium: it shows the city, changes as readings come, and finds its way back to a restarted hub."""

import asyncio
import base64
import os
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace as replace_services
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Locator, Page, async_playwright, expect

from api.gate import Access
from api.pages import Tiles, load
from runtime.feed import Feed
from storage import quiet
from storage.alarms import put
from storage.amendments import Pages
from storage.book import Book
from storage.keys import Role
from storage.open import open_store
from storage.quiet import Verdict
from telemetry.alarm import AlarmState
from telemetry.anomaly import AnomalyKind, Severity
from telemetry.corrections import Correction, Form
from telemetry.reading import Reading
from telemetry.usual import UsualHour
from tests.api.conftest import NOW_MS, Hub, alarm, anomaly, served

QUIET = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
CARD = '#sites [data-site="bai-chay"]'
VALUE = f'{CARD} [data-quantity="pm25"] dd'
ALARMS = "#alarms li[data-id]"
MOST_BYTES = 600_000


def raise_alarm(hub: Hub, name: str, **changes: object) -> None:
    """As ingest does it: written into the book, told on the feed."""
    one = alarm(name, **changes)
    with hub.book.writing() as database:
        put(database, [one])
    hub.feed.alarm(one)


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    """An empty tab; anything the page complains about fails the test."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.fail("chromium is not installed: run scripts/servers.sh", pytrace=False)
    complaints: list[str] = []
    async with async_playwright() as playwright:
        sandbox = ["--no-sandbox"] if os.getuid() == 0 else []
        browser = await playwright.chromium.launch(executable_path=program, args=[*QUIET, *sandbox])
        tab = await browser.new_page(locale="en-GB")
        tab.on("pageerror", lambda error: complaints.append(str(error)))
        tab.on("console", lambda message: _complain(message.type, message.text, complaints))
        tab.on("request", lambda request: complaints.append(request.url) if _foreign(request.url) else None)
        yield tab
        await browser.close()
    assert not complaints


def _complain(kind: str, text: str, complaints: list[str]) -> None:
    # The browser's own words for a hub that is restarting, and for a door that wants a key.
    lost = text.startswith("Failed to load resource: ") and ("net::ERR_" in text or "status of 401" in text)
    if kind == "error" and not lost:
        complaints.append(text)


def _foreign(url: str) -> bool:
    return urlsplit(url).hostname not in ("127.0.0.1", None)


async def test_the_live_city(hub: Hub, page: Page, tmp_path: Path) -> None:
    raise_alarm(hub, "a1")
    async with served(hub) as url:
        await page.goto(url)
        await expect(page.locator(VALUE)).to_have_text("109 µg/m³")
        await expect(page.locator("#link")).to_have_text("live")
        await expect(page.locator("#map .pin span").filter(has_text="Bãi Cháy")).to_be_visible()
        await expect(page.locator(ALARMS)).to_have_count(1)
        await page.screenshot(path=tmp_path / "city.png", full_page=True)

        hub.feed.stored([("bai-chay", Reading("bai-chay-pm-1", "pm25", NOW_MS + 1000, 214.5, 8))])
        await expect(page.locator(VALUE)).to_have_text("215 µg/m³")
        air = (await page.evaluate("fetch('v1/aqi').then((answer) => answer.json())"))["items"][0]
        await expect(page.locator("#map .pin b")).to_have_text(str(air["vn_aqi"]))

        hub.feed.stored([("bai-chay", Reading("bai-chay-pm-1", "pm25", NOW_MS + 1500, 999.0, 4))])
        await expect(page.locator(VALUE)).to_have_count(0)  # an impossible value is none of the city's
        hub.feed.stored([("bai-chay", Reading("bai-chay-pm-1", "pm25", NOW_MS + 2000, 214.5, 8))])
        await expect(page.locator(VALUE)).to_have_text("215 µg/m³")
        raise_alarm(hub, "a2", severity=Severity.CRITICAL, text="It burns.", text_vi="Đang cháy.")
        await expect(page.locator(ALARMS)).to_have_count(2)
        await expect(page.locator(ALARMS).first).to_contain_text("It burns.")
        await expect(page.locator("#tabs .badge").filter(has_text="2")).to_be_visible()
        await expect(page).to_have_title("(2) Hạ Long telemetry")

        await page.click("#language")
        await expect(page.locator(ALARMS).first).to_contain_text("Đang cháy.")
        await page.click(f"{CARD} a")
        cell = page.locator('[data-series="bai-chay-pm-1/pm25"]')
        await expect(cell.locator("p")).to_have_text("214,5 µg/m³")
        await expect(cell).to_have_class("value flagged")
        await page.screenshot(path=tmp_path / "site.png", full_page=True)
        await page.goto(url)
        await expect(page.locator("h2").first).to_have_text("Bản đồ")


async def test_three_answers_tell_how_the_city_is(hub: Hub, page: Page) -> None:
    grade = {name: page.locator(f'[data-verdict="{name}"]') for name in ("city", "data", "alarms")}
    async with served(hub) as url:
        await page.goto(url)
        await expect(grade["alarms"]).to_have_attribute("data-grade", "good")
        await expect(grade["alarms"]).to_contain_text("No alarms")
        await expect(grade["city"]).to_contain_text("highest VN_AQI")
        await expect(grade["city"]).to_have_attribute("data-grade", "warning")
        await expect(grade["data"]).to_contain_text("No ledger yet")
        await expect(grade["data"]).to_contain_text("2/2 sensors at work")
        silence = anomaly(AnomalyKind.SILENCE, NOW_MS)
        hub.feed.anomaly(silence)
        await expect(grade["data"]).to_contain_text("1/2 sensors at work")
        await expect(page.locator(VALUE)).to_have_count(0)  # a value of a silent sensor is no value of now
        raise_alarm(hub, "a1", severity=Severity.CRITICAL)
        await expect(grade["alarms"]).to_have_attribute("data-grade", "critical")
        await expect(grade["alarms"]).to_contain_text("1 critical, 1 not acknowledged yet · PM2.5 is high.")
        raise_alarm(hub, "a1", state=AlarmState.CLOSED, end_ms=NOW_MS)
        await expect(grade["alarms"]).to_have_attribute("data-grade", "good")


async def test_hours_without_readings_show_in_the_completeness(hub: Hub, page: Page) -> None:
    later = replace_services(hub.services, clock=lambda: NOW_MS + 3 * 3_600_000)
    async with served(Hub(later, hub.ready)) as url:
        await page.goto(url)
        await expect(page.locator('[data-verdict="data"] b')).to_have_text(
            re.compile(r"^5\d(\.\d)?% complete$")
        )
        await expect(page.locator('[data-verdict="data"]')).to_have_attribute("data-grade", "critical")


async def test_a_hub_that_knows_nothing_yet_says_what_to_do(hub: Hub, page: Page, tmp_path: Path) -> None:
    store = open_store(f"duckdb:{tmp_path / 'new.duckdb'}")
    await store.open()
    with Book(tmp_path / "new.sqlite") as book:
        new = Hub(replace_services(hub.services, store=store, book=book, feed=Feed("new")), hub.ready)
        async with served(new) as url:
            for view, words in (
                ("", "start halong edge run on a gateway"),
                ("alarms", "No alarm is open."),
                ("data", "No ledger yet"),
                ("fleet", "No gateway yet."),
                ("site/nowhere", "There is no such site."),
                ("sensor/nothing", "There is no sensor nothing"),
            ):
                await page.goto(f"{url}/#/{view}")
                await expect(page.locator("main")).to_contain_text(words)
            await expect(page.locator("#link")).to_have_text("live")
    await store.close()


async def test_what_has_the_focus_keeps_it_while_readings_come(hub: Hub, page: Page) -> None:
    async with served(hub) as url:
        await page.goto(f"{url}/#/site/bai-chay")
        link = page.locator('[data-sensor="bai-chay-pm-1"] a')
        await link.focus()
        hub.feed.stored([("bai-chay", Reading("bai-chay-pm-1", "pm25", NOW_MS + 1000, 12.0))])
        await expect(page.locator('[data-series="bai-chay-pm-1/pm25"] p')).to_have_text("12.0 µg/m³")
        await expect(link).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(page.locator("h2").first).to_have_text("Bụi mịn, Bãi Cháy")


async def point_at_the_end(over: Locator) -> None:
    """The mouse over the newest window of the chart."""
    box = await over.bounding_box()
    assert box is not None
    await over.hover(position={"x": box["width"] - 0.5, "y": box["height"] / 2})


async def test_the_chart_of_a_sensor(hub: Hub, page: Page, tmp_path: Path) -> None:
    async with served(hub) as url:
        await page.goto(f"{url}/#/sensor/bai-chay-pm-1?quantity=pm25")
        await expect(page.locator(".now")).to_contain_text("109.0 µg/m³")
        over = page.locator("#chart .u-over")
        for name, shown, mean in (
            ("24 hours", "lastDay", "109.0 µg/m³"),
            ("1 hour", "lastHour", "109.0 µg/m³"),
            ("30 days", "lastMonth", "109.0 µg/m³"),
        ):
            await page.get_by_role("button", name=name).click()
            await expect(page.locator("#chart")).to_have_attribute("data-shown", f"pm25 {shown}")
            value = page.locator("#chart .u-legend .u-series").nth(1).locator(".u-value")
            await point_at_the_end(over)
            await expect(value).to_have_text(mean)
        await expect(page.locator("#ledger button")).to_have_count(30)
        await expect(page.locator(".note").filter(has_text="once two days are learned")).to_be_visible()
        await page.screenshot(path=tmp_path / "sensor.png", full_page=True)


def usual(_sensor: str, _quantity: str, start_ms: int, end_ms: int) -> list[UsualHour]:
    """Between 30 and 60, 40 mostly, at every hour."""
    hour_ms = 3_600_000
    first = start_ms - start_ms % hour_ms
    return [UsualHour(at, 30.0, 40.0, 60.0) for at in range(first, end_ms, hour_ms)]


async def test_the_chart_marks_what_is_known_of_the_readings(hub: Hub, page: Page, tmp_path: Path) -> None:
    pages = Pages(hub.book)
    pages.invalidate(
        "bai-chay-pm-1", "pm25", NOW_MS - 3_000_000, NOW_MS - 2_400_000, reason="fog", who="me", now_ms=NOW_MS
    )
    pages.correct(
        "bai-chay-pm-1",
        "pm25",
        Correction(Form.LINEAR, factor=0.5),
        NOW_MS - 1_200_000,
        None,
        reason="calibrated",
        who="me",
        now_ms=NOW_MS,
    )
    async with served(Hub(replace_services(hub.services, usual=usual), hub.ready)) as url:
        await page.goto(f"{url}/#/sensor/bai-chay-pm-1?quantity=pm25")
        await page.get_by_role("button", name="1 hour").click()
        await expect(page.locator("#chart")).to_have_attribute("data-shown", "pm25 lastHour")
        await expect(page.locator(".key > span")).to_have_text(
            [
                "lowest – highest of each window",
                "what is usual at this hour (98 %)",
                "unusual; a dot is the value that was flagged",
                "declared invalid",
                "corrected",
            ]
        )
        await point_at_the_end(page.locator("#chart .u-over"))
        values = page.locator("#chart .u-legend .u-value")
        await expect(values.nth(4)).to_have_text("40.0 µg/m³")  # expected, then the band
        await expect(values.nth(5)).to_have_text("30.0 µg/m³")
        await expect(values.nth(6)).to_have_text("60.0 µg/m³")
        await expect(page.locator("#chart")).to_have_attribute("aria-label", re.compile("1 unusual times"))
        facts = page.locator(".facts > div")
        await expect(facts.filter(has_text="frames").first).to_contain_text(
            "most frames are bad: 95 bad frames, 90"
        )
        await page.screenshot(path=tmp_path / "usual.png", full_page=True)


async def test_the_fleet_and_the_list_of_alarms(hub: Hub, page: Page, tmp_path: Path) -> None:
    raise_alarm(hub, "a1")
    async with served(hub) as url:
        await page.goto(f"{url}/#/fleet")
        gateway = page.locator('[data-gateway="gw-bai-chay"]')
        await expect(gateway.locator(".troubles li")).to_have_text(
            "Bụi mịn, Bãi Cháy: most frames are bad, 95 bad frames"
        )
        for label, text in (
            ("clock", "NTP, +2 ms"),
            ("disk free", "24.8 GB"),
            ("written a day", "960 MB"),
            ("flash life used", "≤ 10 %"),
        ):
            await expect(gateway.locator(".facts > div").filter(has_text=label)).to_contain_text(text)
        await gateway.locator("summary").click()
        row = gateway.locator("tbody tr")
        await expect(row).to_have_class("troubled")
        await expect(row).to_contain_text("dust")
        await page.screenshot(path=tmp_path / "fleet.png", full_page=True)
        await page.click('#tabs a[href="#/alarms"]')
        await expect(page.locator(ALARMS)).to_have_count(1)
        raise_alarm(hub, "a2", state=AlarmState.CLOSED, end_ms=NOW_MS + 5000)
        await page.get_by_role("button", name="closed too").click()
        await expect(page.locator(ALARMS)).to_have_count(2)
        await page.get_by_role("button", name="open", exact=True).click()
        await expect(page.locator(ALARMS)).to_have_count(1)
        await page.get_by_role("combobox", name="All families").select_option("Devices")
        await expect(page.locator(".empty-state")).to_contain_text("No alarm is open.")


async def test_a_day_of_the_calendar_tells_its_figures(hub: Hub, page: Page, tmp_path: Path) -> None:
    async with served(hub) as url:
        await page.goto(f"{url}/#/data")
        today = page.locator('#calendar [data-row="bai-chay"] td').last.get_by_role("button")
        await expect(today).to_have_attribute("aria-label", re.compile("Bãi Cháy.*stored 270.*estimated"))
        await today.focus()
        await expect(page.locator("#detail")).to_contain_text("stored 270")
        await expect(page.locator("#quarantine tr")).to_contain_text("not SenML")
        await page.screenshot(path=tmp_path / "data.png", full_page=True)
        city = page.locator("#calendar tbody tr").first
        await expect(city).to_contain_text("Whole city")
        await today.press("ArrowLeft")
        await expect(page.locator("#detail")).to_contain_text("No ledger yet.")
        await page.get_by_role("button", name="Bãi Cháy", exact=True).click()
        row = page.locator('#calendar [data-row="bai-chay-pm-1"] td').last.get_by_role("button")
        await expect(row).to_have_attribute("aria-label", re.compile("stored 90"))


PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


@asynccontextmanager
async def tile_server(asked: list[str]) -> AsyncIterator[str]:
    """A map server on 127.0.0.1 whose every tile is one pixel; what it was asked goes to `asked`."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        asked.append(head.split()[1].decode())
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nConnection: close\r\n\r\n" + PIXEL)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_a_base_map_comes_from_the_server_of_the_configuration(hub: Hub, page: Page) -> None:
    asked: list[str] = []
    async with tile_server(asked) as origin:
        tiles = Tiles(f"{origin}/{{z}}/{{x}}/{{y}}.png", "<i>Somebody's</i> map")
        async with served(Hub(replace_services(hub.services, tiles=tiles), hub.ready)) as url:
            await page.goto(url)
            await expect(page.locator("#map img.leaflet-tile-loaded").first).to_be_attached()
            await expect(page.locator("#map .leaflet-control-attribution")).to_contain_text(
                "<i>Somebody's</i>"
            )
            await expect(page.locator(".panel.map .note")).not_to_contain_text("no base map")
    assert asked
    assert all(re.fullmatch(r"/\d+/\d+/\d+\.png", path) for path in asked)


def shades(block: str) -> dict[str, tuple[float, float, float]]:
    """The opaque colours that a rule gives names to, as sRGB 0 to 1."""
    found = re.findall(r"(--[a-z-]+): #([0-9a-f]{3}|[0-9a-f]{6});", block)
    wide = {name: code if len(code) == 6 else "".join(2 * digit for digit in code) for name, code in found}
    return {name: tuple(int(code[i : i + 2], 16) / 255 for i in (0, 2, 4)) for name, code in wide.items()}  # type: ignore[misc]


def luminance(colour: tuple[float, float, float]) -> float:
    """Relative luminance (WCAG 2.1)."""
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("theme", [":root {", ':root[data-theme="dark"] {\n', ":root:not([data-theme]) {"])
@pytest.mark.parametrize(
    ("ink", "ground", "least"),
    [
        *(
            (ink, ground, 4.5)
            for ground in ("--panel", "--ground")
            for ink in ("--ink", "--soft", "--accent")
        ),
        *(
            (ink, ground, 4.5)
            for ground in ("--panel", "--ground")
            for ink in ("--good", "--warning", "--critical", "--info")
        ),
        ("--edge", "--panel", 3.0),  # the border of what can be pressed
        ("--spark", "--panel", 3.0),
        ("--usual-line", "--panel", 3.0),
    ],
)
def test_text_can_be_read_in_every_theme(theme: str, ink: str, ground: str, least: float) -> None:
    sheet = load()["page.css"].plain.decode()
    colours = shades(sheet.split(theme, 1)[1].split("}", 1)[0])
    bright, dim = sorted((luminance(colours[ink]), luminance(colours[ground])), reverse=True)
    assert (bright + 0.05) / (dim + 0.05) >= least


def contrast(one: str, other: str) -> float:
    """Of two colours as `#rrggbb` (WCAG 2.1)."""
    both = shades(f"--one: {one}; --other: {other};")
    bright, dim = sorted((luminance(both["--one"]), luminance(both["--other"])), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


def test_text_can_be_read_on_the_colours_of_air_and_completeness() -> None:
    files = {name: asset.plain.decode() for name, asset in load().items()}
    bands = re.findall(r'colour: "(#[0-9a-f]{6})", ink: "(#[0-9a-f]{3})"', files["air.js"])
    assert len(bands) == 6
    cells = re.findall(r"\.(?:full|nearly|gaps|poor) \{ background: (#[0-9a-f]{6}); \}", files["page.css"])
    assert len(cells) == 4
    pairs = [*bands, *((cell, "#10242a") for cell in cells)]
    assert [pair for pair in pairs if contrast(*pair) < 4.5] == []


def test_both_languages_say_the_same_and_all_that_is_asked_of_them() -> None:
    files = {name: asset.plain.decode() for name, asset in load().items() if "/" not in name}
    vietnamese, english = (
        set(re.findall(r'[ {,]"?(\w[\w ]*)"?: "', part)) for part in files.pop("texts.js").split("  en: {")
    )
    assert vietnamese == english
    asked = {
        name
        for text in files.values()
        for name in [*re.findall(r'word\("(\w+)"\)', text), *re.findall(r'data-text="(\w+)"', text)]
    }
    assert len(asked) > 80
    assert asked - english == set()


PRESSABLE = "a[href], button, select, input, textarea, summary, [tabindex='0']"
PLACES = """(pressable) => {
  const seen = [...document.querySelectorAll(pressable)].filter((one) => one.checkVisibility() && !one.disabled);
  seen.forEach((one, place) => { one.dataset.place = place; });
  return seen.map((one) => one.ariaLabel || one.textContent.trim());
}"""
FOCUSED = """() => {
  const one = document.activeElement, ring = (element) => element && getComputedStyle(element).outlineStyle !== "none";
  return [one.dataset.place ?? null, ring(one) || ring(one.closest(".site"))];
}"""


async def test_everything_can_be_reached_by_keyboard_and_has_a_name(hub: Hub, page: Page) -> None:
    raise_alarm(hub, "a1")
    await page.emulate_media(reduced_motion="reduce")
    async with served(hub) as url:
        for view, part in (
            ("", "#sites a"),
            ("alarms", "#alarms a"),
            ("data", "#calendar td button"),
            ("fleet", "#gateways summary"),
            ("site/bai-chay", ".sensor a"),
            ("sensor/bai-chay-pm-1", "#ledger button"),
        ):
            await page.goto("about:blank")
            await page.goto(f"{url}/#/{view}")
            await expect(page.locator("#link")).to_have_text("live")
            await expect(page.locator(part).first).to_be_visible()
            assert await page.locator(".leaflet-fade-anim").count() == 0
            await reach_everything(page)
            for landmark in ("banner", "navigation", "main", "contentinfo"):
                assert await page.get_by_role(landmark).count() == 1, (view, landmark)  # type: ignore[arg-type]
            for section in await page.locator("section[aria-labelledby]").all():
                heading = page.locator(f"#{await section.get_attribute('aria-labelledby')}")
                await expect(heading).to_have_text(re.compile(r"\w"))


async def reach_everything(page: Page) -> None:
    """By the tabulator, and see where the focus is."""
    await page.evaluate("document.activeElement.blur()")
    names = await page.evaluate(PLACES, PRESSABLE)
    assert [name for name in names if not name] == []
    reached = set()
    for _ in range(3 * len(names)):
        await page.keyboard.press("Tab")
        place, has_ring = await page.evaluate(FOCUSED)
        if place is not None:
            reached.add(int(place))
            assert has_ring, names[int(place)]
        if len(reached) == len(names):
            break
    assert [name for place, name in enumerate(names) if place not in reached] == []


async def sign_in(page: Page, key: str) -> None:
    """The form is there: enter the key."""
    await page.fill("#sign-in input", key)
    await page.click("#sign-in button[type=submit]")


async def test_an_alarm_is_looked_after_and_commented(hub: Hub, page: Page, tmp_path: Path) -> None:
    async with served(hub) as url:
        await page.goto(f"{url}/#/alarms")
        raise_alarm(hub, "a1")
        line = page.locator(ALARMS).first
        await expect(line.locator(".open-notes")).to_be_visible()
        await expect(
            line.locator(".care")
        ).to_be_hidden()  # anybody may look, nobody without a key may change
        await expect(line.locator(".open-mute")).to_be_hidden()
        await page.click("#session")
        await sign_in(page, hub.key(Role.OPERATOR))
        await expect(page.locator("#session")).to_have_text("Sign out")
        await line.locator(".care").click()
        await expect(line.locator(".known-by")).to_contain_text("Acknowledged by operator 0")
        await expect(line.locator(".head .chip")).to_have_text("acknowledged")
        await expect(line.locator(".care")).to_be_hidden()
        await line.locator(".open-notes").click()
        await expect(line.locator(".said li")).to_have_count(1)
        await line.locator("textarea").fill("<b>a lorry</b>")
        await line.get_by_role("button", name="Send comment").click()
        await expect(line.locator(".said li").nth(1)).to_contain_text("<b>a lorry</b>")
        await page.screenshot(path=tmp_path / "alarms.png")
        await page.click("#session")
        await expect(page.locator("#session")).to_have_text("Sign in")
        await line.locator(".open-notes").click()
        await expect(line.locator(".said li")).to_have_count(2)
        await expect(line.locator("textarea")).to_be_hidden()


async def test_feedback_mutes_the_pattern_and_can_be_taken_back(hub: Hub, page: Page, tmp_path: Path) -> None:
    raise_alarm(hub, "a1")
    async with served(hub) as url:
        await page.goto(f"{url}/#/alarms")
        await page.click("#session")
        await sign_in(page, hub.key(Role.OPERATOR))
        line = page.locator(ALARMS).first
        await expect(page.locator("#mutes li")).to_have_count(0)
        await line.locator(".open-mute").click()
        await line.get_by_role("combobox", name="Why").select_option("known works")
        await line.get_by_role("combobox", name="Mute for").select_option("8 h")
        await line.get_by_role("textbox", name="Details").fill("they dig")
        await line.get_by_role("button", name="Mute this pattern").click()
        await expect(line.locator(".mute .note")).to_contain_text("Muted")
        await page.screenshot(path=tmp_path / "mute.png")
        with hub.book.reading() as database:
            muted = quiet.mutes(database, NOW_MS)
        assert [(one.sensor, one.verdict, one.until_ms - NOW_MS) for one in muted] == [
            ("bai-chay-pm-1", Verdict.KNOWN_WORKS, 8 * 3_600_000)
        ]
        await expect(page.locator("#mutes li")).to_contain_text("known works · they dig")
        await page.get_by_role("button", name="Take back").click()
        await expect(page.locator("#mutes li")).to_have_count(0)


RINGING = """
window.rung = [];
window.Notification = class {
  static permission = "granted";
  static requestPermission = async () => "granted";
  constructor(title, { body }) { rung.push(`${title}: ${body}`); }
  addEventListener() {}
};
const make = AudioContext.prototype.createOscillator;
AudioContext.prototype.createOscillator = function () { rung.push("tone"); return make.call(this); };
"""


async def test_critical_alarms_call_only_who_wants_to_be_called(hub: Hub, page: Page) -> None:
    await page.add_init_script(RINGING)  # the browser's own bell, made to be heard here
    raise_alarm(hub, "a0", severity=Severity.CRITICAL)
    async with served(hub) as url:
        await page.goto(f"{url}/#/alarms")
        raise_alarm(hub, "a1", severity=Severity.CRITICAL)
        await expect(page.locator(ALARMS)).to_have_count(2)
        assert await page.evaluate("rung") == []
        for way in ("notify", "sound"):
            await page.click(f'[data-way="{way}"]')
            await expect(page.locator(f'[data-way="{way}"]')).to_have_attribute("aria-pressed", "true")
        await page.reload()
        await expect(page.locator("#link")).to_have_text("live")
        assert await page.evaluate("rung") == []  # what was there before the page calls nobody
        raise_alarm(hub, "a2", severity=Severity.CRITICAL, text="It burns.")
        raise_alarm(hub, "a3")
        await expect(page.locator(ALARMS)).to_have_count(4)
        assert await page.evaluate("rung") == ["tone"] * 3 + ["Critical · Bãi Cháy: It burns."]


async def test_what_somebody_else_acknowledges_is_shown(hub: Hub, page: Page) -> None:
    raise_alarm(hub, "a1")
    async with served(hub) as url:
        await page.goto(f"{url}/#/alarms")
        line = page.locator(ALARMS).first
        await expect(line).to_be_visible()
        raise_alarm(
            hub,
            "a1",
            state=AlarmState.ACKNOWLEDGED,
            acknowledged_ms=NOW_MS,
            acknowledged_by="Lan (0123456789ab)",
        )
        await expect(line.locator(".known-by")).to_contain_text("Acknowledged by Lan,")


async def test_where_reading_is_closed_the_page_asks_for_a_key(hub: Hub, page: Page, tmp_path: Path) -> None:
    closed = hub.with_access(Access(open_reading=False))
    async with served(closed) as url:
        await page.goto(url)
        await expect(page.locator("#sign-in input")).to_be_focused()
        await page.screenshot(path=tmp_path / "sign-in.png")
        await sign_in(page, "hl_nobody")
        await expect(page.locator("#sign-in .wrong")).to_have_text("This key is wrong or was revoked.")
        key = hub.key(Role.VIEWER)
        await sign_in(page, key)
        await expect(page.locator(VALUE)).to_have_text("109 µg/m³")
        await expect(page.locator("#link")).to_have_text("live")
        assert key not in await page.evaluate("document.cookie + JSON.stringify(localStorage)")
        await page.click("#session")
        await expect(page.locator("#sign-in input")).to_be_focused()


async def test_a_restarted_hub_is_found_again(hub: Hub, page: Page) -> None:
    async with served(hub) as url:
        await page.goto(url)
        await expect(page.locator("#link")).to_have_text("live")
    await expect(page.locator("#link")).to_have_text("connection lost, trying again")
    again = hub.restarted()
    again.feed.remember([("bai-chay", Reading("bai-chay-pm-1", "pm25", NOW_MS + 2000, 33.0))])
    async with served(again, port=urlsplit(url).port or 0):
        await expect(page.locator("#link")).to_have_text("live", timeout=15_000)
        await expect(page.locator(VALUE)).to_have_text("33 µg/m³", timeout=15_000)


async def test_names_from_the_street_are_text_not_markup(hub: Hub, page: Page) -> None:
    text = "<img src=x onerror=alert(1)>"
    raise_alarm(hub, "a1", text=text)
    async with served(hub) as url:
        await page.goto(url)
        await expect(page.locator(ALARMS).first).to_contain_text(text)
        assert await page.locator("#alarms img").count() == 0


async def test_the_first_paint_needs_one_question(hub: Hub, page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(urlsplit(request.url).path))
    async with served(hub) as url:
        await page.goto(url)
        await expect(page.locator(VALUE)).to_have_text("109 µg/m³")
    assert next(path for path in asked if path.startswith("/v1/")) == "/v1/overview"
    assert sum(len(asset.packed) for asset in load().values()) < MOST_BYTES
