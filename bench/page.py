"""From a sensor's byte to the pixel: a simulated device on a pseudo-terminal, agent, broker, hub, stream, the page in Chromium.

Each frame holds a value of its own, so that the page tells which frame it shows; a frame that a newer one overtook on the
way (the stream tells the newest of a second) is counted and not timed. A moment is the paint after the change, on one clock.
"""

import asyncio
import os
import shutil
import statistics
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import msgspec
from playwright.async_api import Page, async_playwright

from api.pages import load
from bench.processes import module, mosquitto, running
from edge.settings import BrokerSettings as Uplink
from edge.settings import ClockSettings, EdgeConfig, SerialDevice, Trust
from firmware_sim.devices.pms5003 import Pms5003
from firmware_sim.pty import PtyPort
from halong.hub import BrokerSettings, HubConfig
from halong.installation import free_port, wait_port
from halong.serving import ApiSettings
from telemetry.inventory import Site

FRAMES, PERIOD_S, LAST_S = 60, 1.13, 5.0  # a period that is none of the stream's: every phase is met
SENSOR, LOWEST = "bench-pm-1", 20
SITE = Site("bench", "Bench", 20.95, 107.08)
BROWSER = ["--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update"]
CELL = f'[data-series="{SENSOR}/pm25"] b'
WATCH = """
(selector) => {
  window.painted = {};
  const look = () => {
    const text = document.querySelector(selector)?.textContent;
    if (text && !(text in painted)) {
      painted[text] = null;
      requestAnimationFrame(() => setTimeout(() => { painted[text] = performance.timeOrigin + performance.now(); }));
    }
  };
  new MutationObserver(look).observe(document.body, { subtree: true, childList: true, characterData: true });
  look();
}
"""
ASKED = """
() => performance.getEntriesByType("resource").filter((one) => one.startTime < performance.getEntriesByName("shown")[0].startTime)
  .map((one) => new URL(one.name).pathname)
"""


class Seen(NamedTuple):
    """`delays_ms` from byte to paint of each frame that was shown; `questions` to the API until the first view was drawn;
    `page_bytes` is all of the page, compressed."""

    written: int
    delays_ms: list[float]
    questions: list[str]
    page_bytes: int

    @property
    def median_ms(self) -> float:
        """Half of them were faster."""
        return statistics.median(self.delays_ms)

    @property
    def p90_ms(self) -> float:
        """Nine in ten were faster."""
        return sorted(self.delays_ms)[len(self.delays_ms) * 9 // 10]


class Device:
    """A PMS5003 on its port, in a thread: what it measures is the number of its frame."""

    def __init__(self, link: Path, period_s: float) -> None:
        self._port, self._period_s = PtyPort(link), period_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._speak, name="device")
        self.written: dict[int, float] = {}  # value -> ms since 1970 when its last byte was written

    def __enter__(self) -> "Device":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._port.close()

    def _speak(self) -> None:
        value = LOWEST
        sensor = Pms5003(lambda quantity, _: float(value), start_s=0.0, period_s=self._period_s)
        began, turn = time.monotonic(), 0
        while not self._stop.wait(max(0.0, began + turn * self._period_s - time.monotonic())):
            turn, now_s = turn + 1, time.monotonic()
            if heard := self._port.read():
                sensor.receive(heard, now_s)
            for emission in sensor.emit(now_s):
                self._port.write(emission.data, now_s)
                if emission.readings:
                    self.written[value] = time.time_ns() / 1e6
            value += 1


async def measure(directory: Path, *, frames: int = FRAMES, period_s: float = PERIOD_S) -> Seen:
    """Let the device say so many frames before the open page."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        raise FileNotFoundError("chromium is not installed: run scripts/servers.sh")
    with ExitStack() as stack:
        broker = stack.enter_context(mosquitto(directory / "broker"))
        url, port = f"mqtt://127.0.0.1:{broker.port}", free_port()
        _configure(directory, url, port)
        stack.enter_context(
            running(module("halong", "hub", str(directory / "hub.toml")), directory / "hub.log")
        )
        if not await wait_port("127.0.0.1", port):
            raise TimeoutError(f"the hub does not start; see {directory / 'hub.log'}")
        device = stack.enter_context(Device(directory / "port", period_s))
        edge = module("halong", "edge", "run", str(directory / "edge.toml"))
        stack.enter_context(running(edge, directory / "edge.log"))
        async with async_playwright() as playwright:
            sandbox = ["--no-sandbox"] if os.getuid() == 0 else []
            browser = await playwright.chromium.launch(executable_path=program, args=[*BROWSER, *sandbox])
            page = await browser.new_page(locale="en-GB")
            await page.goto(f"http://127.0.0.1:{port}/#/site/{SITE.id}")
            await page.wait_for_selector(CELL)
            questions = [path for path in await page.evaluate(ASKED) if path.startswith("/v1/")]
            delays, written = await _watch(page, device, frames)
            await browser.close()
    return Seen(written, delays, questions, sum(len(asset.packed) for asset in load().values()))


async def _watch(page: Page, device: Device, frames: int) -> tuple[list[float], int]:
    await page.evaluate(WATCH, CELL)
    first = max(device.written) + 1
    painted: dict[int, float] = {}
    async with asyncio.timeout(LAST_S + 10 * frames * PERIOD_S):
        while (
            max(painted, default=0) < first + frames
        ):  # the one after the last: nothing is on its way any more
            await asyncio.sleep(0.1)
            seen = await page.evaluate("painted")
            painted = {round(float(text)): at for text, at in seen.items() if at is not None}
    timed = range(first, first + frames)
    return [painted[value] - device.written[value] for value in timed if value in painted], len(timed)


def _configure(directory: Path, url: str, port: int) -> None:
    hub = HubConfig(
        data=str(directory / "hub"), broker=BrokerSettings(url), api=ApiSettings("127.0.0.1", port)
    )
    edge = EdgeConfig(
        gateway="gw-bench",
        site=SITE,
        broker=Uplink(url=url),
        clock=ClockSettings(trust=Trust.SYSTEM),
        serial=(SerialDevice(path=str(directory / "port"), protocol="pms5003", sensor=SENSOR, period_s=1.0),),
    )
    (directory / "hub.toml").write_bytes(msgspec.toml.encode(hub))
    (directory / "edge.toml").write_bytes(msgspec.toml.encode(edge))


def report(seen: Seen) -> str:
    """In three lines."""
    return (
        f"sensor byte to pixel, {len(seen.delays_ms)} of {seen.written} frames shown (a newer one overtook the others):\n"
        f"  median {seen.median_ms:.0f} ms, p90 {seen.p90_ms:.0f} ms, worst {max(seen.delays_ms):.0f} ms\n"
        f"  the whole page {seen.page_bytes / 1000:.0f} kB compressed; {len(seen.questions)} data request until the first"
        f" paint ({', '.join(seen.questions)})"
    )


def run() -> Seen:
    """The whole measurement, in a directory of its own."""
    with tempfile.TemporaryDirectory(prefix="halong-bench-") as name:
        return asyncio.run(measure(Path(name)))
