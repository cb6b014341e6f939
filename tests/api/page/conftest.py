"""The page in a real Chromium: an empty tab, whose every complaint fails the test, and alarms as ingest raises them."""

import os
import shutil
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Page, async_playwright

from storage.alarms import put
from tests.api.conftest import Hub, alarm

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


async def sign_in(page: Page, key: str) -> None:
    """The form is there: enter the key."""
    await page.fill("#sign-in input", key)
    await page.click("#sign-in button[type=submit]")
