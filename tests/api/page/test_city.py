"""The city on the page: it changes as readings come, says what to do where nothing is, and finds a restarted hub again."""

import re
from dataclasses import replace as replace_services
from pathlib import Path
from urllib.parse import urlsplit

from playwright.async_api import Page, expect

from api.pages import load
from runtime.feed import Feed
from storage.book import Book
from storage.open import open_store
from telemetry.alarm import AlarmState
from telemetry.anomaly import AnomalyKind, Severity
from telemetry.reading import Reading
from tests.api.conftest import NOW_MS, Hub, anomaly, served
from tests.api.page.conftest import ALARMS, CARD, VALUE, raise_alarm

MOST_BYTES = 600_000


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
            re.compile(r"^\d(\.\d)?% complete$")
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


async def test_a_restarted_hub_is_found_again(hub: Hub, page: Page) -> None:
    async with served(hub) as url:
        await page.goto(url)
        await expect(page.locator("#link")).to_have_text("live")
        await page.evaluate("window.before = true")
    await expect(page.locator("#link")).to_have_text("connection lost, trying again")
    newer = hub.restarted()
    again = Hub(replace_services(newer.services, version="1.2.4"), hub.ready)
    again.feed.remember([("bai-chay", Reading("bai-chay-pm-1", "pm25", NOW_MS + 2000, 33.0))])
    async with served(again, port=urlsplit(url).port or 0):
        await expect(page.locator("#link")).to_have_text("live", timeout=15_000)
        await expect(page.locator(VALUE)).to_have_text("33 µg/m³", timeout=15_000)
        await expect(page.locator("#version")).to_have_text("1.2.4")
        assert await page.evaluate("window.before") is None  # the page of the newer release
