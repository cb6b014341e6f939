"""The page before a real city: a sensor that goes wrong is an alarm on the screen, and a killed hub is found again."""

import os
import re
import shutil
import signal
import subprocess
import time
import urllib.error
from pathlib import Path

import pytest
from playwright.async_api import async_playwright, expect

from tests.e2e.test_city import city, get

SENSOR = "cau-bai-chay-air-1"
PATIENCE_MS = 60_000
BROWSER = ["--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update"]
pytestmark = pytest.mark.timeout(240)


def pid_of(data: Path, command: str) -> int:
    """The process of that command of this very city."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            line = (process / "cmdline").read_bytes().decode().split("\0")
        except OSError:
            continue
        if command in line and str(data) in " ".join(line) and "up" not in line:
            return int(process.name)
    raise AssertionError(f"no {command} of {data}")


def wait_until_it_answers(process: subprocess.Popen[str], url: str) -> None:
    """The hub of the city listens."""
    for _ in range(240):
        assert process.poll() is None
        try:
            get(f"{url}/v1/sensors")
        except (urllib.error.URLError, OSError):
            time.sleep(0.25)
        else:
            return
    raise AssertionError(f"nobody answers at {url}")


@pytest.mark.mosquitto
async def test_a_fault_in_the_street_is_acknowledged_on_the_page(tmp_path: Path) -> None:
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.fail("chromium is not installed: run scripts/servers.sh", pytrace=False)
    data = tmp_path / "city"
    complaints: list[str] = []
    with city(data, "--gateways", "1", "--fault", f"{SENSOR}:range@15+600") as (process, url):
        async with async_playwright() as playwright:
            sandbox = ["--no-sandbox"] if os.getuid() == 0 else []
            browser = await playwright.chromium.launch(executable_path=program, args=[*BROWSER, *sandbox])
            page = await browser.new_page(locale="vi-VN", viewport={"width": 1920, "height": 1080})
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.on(
                "console",
                lambda said: (
                    complaints.append(said.text)
                    if said.type == "error" and "net::ERR_" not in said.text
                    else None
                ),
            )
            wait_until_it_answers(process, url)
            await page.goto(f"{url}/#/site/cau-bai-chay")
            value = page.locator(f'[data-series="{SENSOR}/humidity"] b')
            first = await value.text_content(timeout=PATIENCE_MS)
            await expect(value).not_to_have_text(first or "", timeout=PATIENCE_MS)  # it lives
            await page.goto(f"{url}/#/")
            alarm = page.locator("#alarms li").filter(has_text="Trạm khí tượng và ồn, Cầu Bãi Cháy").first
            await expect(alarm).to_be_visible(timeout=PATIENCE_MS)
            await page.click("#session")
            await page.fill("#sign-in input", (data / "operator.key").read_text(encoding="utf-8").strip())
            await page.click("#sign-in button[type=submit]")
            await alarm.locator(".care").click()
            await expect(alarm.locator(".known-by")).to_contain_text("Đã tiếp nhận halong up")
            await page.screenshot(path=tmp_path / "city.png")
            await alarm.locator("a").first.click()
            await expect(page.locator("#chart")).to_have_attribute(
                "data-shown", re.compile(r"lastHour"), timeout=PATIENCE_MS
            )
            await page.click("#language")
            await expect(page.locator(".key")).to_contain_text("a dot is the value that was flagged")
            await page.screenshot(path=tmp_path / "sensor.png")

            os.kill(pid_of(data, "hub"), signal.SIGKILL)
            await expect(page.locator("#link")).to_have_text(
                "connection lost, trying again", timeout=PATIENCE_MS
            )
            await expect(page.locator("#link")).to_have_text("live", timeout=PATIENCE_MS)
            await page.goto(f"{url}/#/alarms")
            await expect(alarm.locator(".known-by")).to_contain_text(
                "Acknowledged by halong up", timeout=PATIENCE_MS
            )
            await browser.close()
        process.send_signal(signal.SIGINT)
        try:
            process.wait(90)
        except subprocess.TimeoutExpired:
            pytest.fail(data.with_suffix(".log").read_text(encoding="utf-8"))
    assert not complaints
