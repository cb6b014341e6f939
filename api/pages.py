"""The built-in page: its files as they are in `api/page`, compressed once, and nothing from any other host."""

import gzip
from hashlib import blake2b
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import NamedTuple
from urllib.parse import urlsplit

from fastapi import FastAPI, Request, Response

from api.problems import ProblemError

PAGE = files("api") / "page"
MEDIA_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
POLICY = "default-src 'self'; img-src 'self' data:{tiles}; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"


class Tiles(NamedTuple):
    """The base map: an address with {z}, {x} and {y}, "" for none, and whom it is to be attributed to."""

    address: str = ""
    attribution: str = ""

    @property
    def origin(self) -> str:
        """The one server that a browser may ask for them; "" for none."""
        parts = urlsplit(self.address)
        return f"{parts.scheme}://{parts.netloc}" if self.address else ""


NO_TILES = Tiles()


class Asset(NamedTuple):
    """One file, ready for the wire."""

    media_type: str
    plain: bytes
    packed: bytes
    etag: str


def load(folder: Traversable = PAGE, below: str = "") -> dict[str, Asset]:
    """Every file of the page by its path below `api/page`; what has no media type here (licences) is not served."""
    found: dict[str, Asset] = {}
    for item in folder.iterdir():
        name = f"{below}{item.name}"
        if item.is_dir():
            found |= load(item, f"{name}/")
        elif media_type := MEDIA_TYPES.get(name[name.rfind(".") :]):
            content = item.read_bytes()
            etag = f'"{blake2b(content, digest_size=8).hexdigest()}"'
            found[name] = Asset(media_type, content, gzip.compress(content, mtime=0), etag)
    return found


def install(app: FastAPI, tiles: str = "") -> None:
    """Serve the page at `/`, its parts below `/page/`; `tiles` is the map server a browser may ask, "" for none."""
    assets = load()
    headers = {
        "Cache-Control": "no-cache",
        "Content-Security-Policy": POLICY.format(tiles=f" {tiles}" if tiles else ""),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Vary": "Accept-Encoding",
    }

    def answer(name: str, request: Request) -> Response:
        if name not in assets:
            raise ProblemError(404, f"the page has no part {name!r}")
        asset = assets[name]
        own = {**headers, "ETag": asset.etag}
        if request.headers.get("if-none-match") == asset.etag:
            return Response(status_code=304, headers=own)
        if "gzip" in request.headers.get("accept-encoding", ""):
            return Response(
                asset.packed, media_type=asset.media_type, headers={**own, "Content-Encoding": "gzip"}
            )
        return Response(asset.plain, media_type=asset.media_type, headers=own)

    @app.get("/", include_in_schema=False)
    async def page(request: Request) -> Response:
        return answer("index.html", request)

    @app.get("/page/{name:path}", include_in_schema=False)
    async def part(name: str, request: Request) -> Response:
        return answer(name, request)
