"""A sensor on the page: its chart, and what is known of its readings."""

import re
from dataclasses import replace as replace_services
from pathlib import Path

from playwright.async_api import Locator, Page, expect

from storage.amendments import Pages
from telemetry.corrections import Correction, Form
from telemetry.usual import UsualHour
from tests.api.conftest import NOW_MS, Hub, served


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
