"""Alarms on the page: looked after, commented, muted, called out; who may do so."""

from pathlib import Path

from playwright.async_api import Page, expect

from api.gate import Access
from storage import quiet
from storage.keys import Role
from storage.quiet import Verdict
from telemetry.alarm import AlarmState
from telemetry.anomaly import Severity
from tests.api.conftest import NOW_MS, Hub, served
from tests.api.page.conftest import ALARMS, VALUE, raise_alarm, sign_in


async def test_an_alarm_is_looked_after_and_commented(hub: Hub, page: Page, tmp_path: Path) -> None:
    async with served(hub) as url:
        await page.goto(f"{url}/#/alarms")
        raise_alarm(hub, "a1")
        line = page.locator(ALARMS).first
        await expect(line.locator(".open-notes")).to_be_visible()
        # Anybody may look, nobody without a key may change.
        await expect(line.locator(".care")).to_be_hidden()
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
