"""The base map of the page: only from the server that the configuration names."""

import asyncio
import base64
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace as replace_services

from playwright.async_api import Page, expect

from api.pages import Tiles
from tests.api.conftest import Hub, served

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
