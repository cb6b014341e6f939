"""Who asks, and what that allows. Pure.

A key comes as `Authorization: Bearer`, as `X-API-Key`, or in the cookie the page was given. Reading needs a viewer's,
changing an operator's, keys and the audit record an admin's. What tells nothing about the city is open to everyone.
"""

from collections.abc import Mapping
from typing import NamedTuple

from storage.keys import KeyRow, Role

COOKIE = "halong_key"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
SESSION = "/v1/session"
PUBLIC = ("/", "/docs", "/openapi.json", "/healthz", "/readyz", SESSION)
PUBLIC_BELOW = ("/page/", "/static-offline-docs/", "/docs/")
ADMIN_BELOW = ("/v1/keys", "/v1/audit")


class Principal(NamedTuple):
    """Who asks. `sites` None is the whole city; `key_id` "" is somebody without a key, where reading is open."""

    name: str
    role: Role
    sites: frozenset[str] | None
    key_id: str

    @property
    def who(self) -> str:
        """As the audit record has it."""
        return f"{self.name} ({self.key_id})" if self.key_id else self.name


ANYBODY = Principal("anybody", Role.VIEWER, None, "")


class Shown(NamedTuple):
    """A key somebody shows, and whether a browser sent it by itself."""

    key: str
    by_cookie: bool


def shown_key(headers: Mapping[str, str]) -> Shown | None:
    """The key in the headers (lower-case names); one in a header counts before the cookie."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return Shown(token.strip(), by_cookie=False)
    if headers.get("x-api-key"):
        return Shown(headers["x-api-key"].strip(), by_cookie=False)
    for part in headers.get("cookie", "").split(";"):
        name, _, value = part.strip().partition("=")
        if name == COOKIE and value:
            return Shown(value, by_cookie=True)
    return None


def principal_of(row: KeyRow) -> Principal:
    """Who a key stands for."""
    return Principal(row.name, row.role, frozenset(row.sites) if row.sites else None, row.id)


def is_public(path: str) -> bool:
    """Whether everybody may ask this: the page's own files, the reference, the health of the process."""
    return path in PUBLIC or path.startswith(PUBLIC_BELOW)


def needed_role(method: str, path: str) -> Role:
    """What a request needs."""
    if any(path == below or path.startswith(f"{below}/") for below in ADMIN_BELOW):
        return Role.ADMIN
    return Role.VIEWER if method in SAFE_METHODS else Role.OPERATOR


def from_elsewhere(headers: Mapping[str, str]) -> bool:
    """Whether a browser says that another site's page makes it ask."""
    origin = headers.get("origin")
    if headers.get("sec-fetch-site") in ("cross-site", "same-site"):
        return True
    return origin is not None and origin.partition("://")[2] != headers.get("host", "")
