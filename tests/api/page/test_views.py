"""The fleet, the list of alarms and the calendar of completeness."""

import re
from pathlib import Path

from playwright.async_api import Page, expect

from telemetry.alarm import AlarmState
from tests.api.conftest import NOW_MS, Hub, served
from tests.api.page.conftest import ALARMS, raise_alarm


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
