"""The records of a hub that runs, by its API: what `--url` does in the commands that else open its book."""

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from halong import storesecret
from halong.client import ApiError, Client, UnreachableError
from halong.console import fail
from runtime.config import ConfigError

KEY_VARIABLE = "HALONG_KEY"
LOOK_EVERY_S = 0.2
LOOKS = 600
PAGE = 1000

Url = Annotated[
    str | None,
    typer.Option(
        help="Ask a running hub instead of its files: http://host:8080; a key in HALONG_KEY, or in a file that"
        " HALONG_KEY_FILE names."
    ),
]


def key() -> str | None:
    """The API key of the environment; a file that cannot be read ends the command."""
    try:
        return storesecret.secret(os.environ, KEY_VARIABLE) or None
    except ConfigError as error:
        raise fail(str(error), 2) from None


@contextmanager
def asking() -> Iterator[None]:
    """What the hub refuses meanwhile, and its silence, end the command with one line."""
    try:
        yield
    except ApiError as error:
        hint = f" (a key goes into {KEY_VARIABLE})" if error.status in (401, 403) else ""
        raise fail(f"the hub refuses, {error}{hint}") from None
    except UnreachableError as error:
        raise fail(str(error)) from None


class Remote:
    """A hub at an address; every method ends the command as `asking` says."""

    def __init__(self, url: str) -> None:
        self._client = Client(url, key())

    def get(self, path: str, **query: Any) -> Any:
        """An answer in JSON."""
        return self._ask("GET", path, query)

    def listed(self, path: str, limit: int, **query: Any) -> Mapping[str, Any]:
        """The last page of a list, its `items` the first `limit` of all pages."""
        items: list[Any] = []
        cursor: str | None = None
        while True:
            page = self.get(path, **query, limit=min(PAGE, limit - len(items)), cursor=cursor)
            items += page["items"]
            cursor = page["next"]
            if cursor is None or len(items) >= limit:
                return {**page, "items": items}

    def post(self, path: str, body: Mapping[str, Any], **query: Any) -> Any:
        """An answer in JSON."""
        return self._ask("POST", path, query, body)

    def delete(self, path: str) -> Any:
        """An answer in JSON."""
        return self._ask("DELETE", path, {})

    def carry_out(self, path: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """The result of a command that the hub takes up; exit 1 when it has not done it after two minutes."""
        answer = self.post(path, body)
        for _ in range(LOOKS):
            if answer["state"] != "waiting":
                break
            time.sleep(LOOK_EVERY_S)
            answer = self.get(f"/v1/commands/{answer['id']}")
        else:
            raise fail(f"command {answer['id']} is written down, the hub has not done it yet")
        result: Mapping[str, Any] = answer["result"]
        if "error" in result:
            raise fail(str(result["error"]))
        return result

    def _ask(self, method: str, path: str, query: Mapping[str, Any], body: Any = None) -> Any:
        with asking():
            return self._client.ask(method, path, query, body)
