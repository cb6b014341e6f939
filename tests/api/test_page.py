"""The page in a real Chromium: it shows the city, changes as readings come, and finds its way back to a restarted hub."""

import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from msgspec.structs import replace
from playwright.async_api import Page, async_playwright, expect

from telemetry.anomaly import AnomalyKind
from telemetry.reading import Reading
from tests.api.conftest import NOW_MS, Hub, anomaly, served

QUIET = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
VALUE = '[data-series="bai-chay-pm-1/pm25"] b'


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
        tab.on("request", lambda request: complaints.append(request.url) if _foreign(request.url) else None)
        yield tab
        await browser.close()
    assert not complaints


def _foreign(url: str) -> bool:
    return urlsplit(url).hostname not in ("127.0.0.1", None)


async def test_the_live_city(hub: Hub, page: Page, tmp_path: Path) -> None:
    async with served(hub) as url:
        await page.goto(url)
        await expect(page.locator(VALUE)).to_have_text("109.0 µg/m³")
        await expect(page.locator("#link")).to_have_text("live")
        await expect(page.locator("#map text").filter(has_text="Bãi Cháy")).to_be_visible()
        await expect(page.locator("#anomalies li")).to_have_count(1)

        hub.feed.stored([("bai-chay", Reading("bai-chay-pm-1", "pm25", NOW_MS + 1000, 214.5, 8))])
        await expect(page.locator(VALUE)).to_have_text("214.5 µg/m³")
        await expect(page.locator('[data-series="bai-chay-pm-1/pm25"]')).to_have_class("value flagged")

        hub.feed.anomaly(anomaly(AnomalyKind.STUCK, NOW_MS))
        await expect(page.locator("#anomalies li")).to_have_count(2)
        await expect(page.locator("#anomalies li").first).to_contain_text("PM2.5 is 214.0 µg/m³.")

        await page.click("#language")
        await expect(page.locator(VALUE)).to_have_text("214,5 µg/m³")
        await expect(page.locator("#anomalies li").first).to_contain_text("Bụi PM2.5 là 214,0 µg/m³.")
        await page.reload()
        await expect(page.locator("h2").first).to_have_text("Bản đồ")
        await page.screenshot(path=tmp_path / "page.png", full_page=True)


async def test_a_restarted_hub_is_found_again(hub: Hub, page: Page) -> None:
    async with served(hub) as url:
        await page.goto(url)
        await expect(page.locator("#link")).to_have_text("live")
    await expect(page.locator("#link")).to_have_text("connection lost, trying again")
    again = hub.restarted()
    again.feed.remember([("bai-chay", Reading("bai-chay-pm-1", "pm25", NOW_MS + 2000, 33.0))])
    async with served(again, port=urlsplit(url).port or 0):
        await expect(page.locator("#link")).to_have_text("live", timeout=15_000)
        await expect(page.locator(VALUE)).to_have_text("33.0 µg/m³", timeout=15_000)


async def test_names_from_the_street_are_text_not_markup(hub: Hub, page: Page) -> None:
    text = "<img src=x onerror=alert(1)>"
    hub.book.put_anomaly(replace(anomaly(AnomalyKind.RANGE, NOW_MS), text=text))
    async with served(hub) as url:
        await page.goto(url)
        await expect(page.locator("#anomalies li").first).to_contain_text(text)
        assert await page.locator("#anomalies img").count() == 0
