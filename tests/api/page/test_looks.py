"""How the page looks and is reached: contrast, both languages, the keyboard."""

import re

import pytest
from playwright.async_api import Page, expect

from api.pages import load
from tests.api.conftest import Hub, served
from tests.api.page.conftest import raise_alarm


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
