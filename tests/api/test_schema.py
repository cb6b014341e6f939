"""Every route against its own description, by schemathesis with all its checks, with a seed and a bound."""

import asyncio
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.gate import Access
from storage.commands import Commands
from storage.keys import Role
from tests.api.conftest import NOW_MS, Hub, filled, served

EXAMPLES = 6
SECONDS = 35
# An answer of 400 to what the description allows is right where it cannot say what is wrong: start after end, unknown names.
CONFIG = """
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "400", "401", "403", "404", "409", "413", "422", "429"]
"""


@contextmanager
def serving(directory: Path, address: str = "") -> Iterator[tuple[str, str]]:
    """(address, an admin's key) of a hub in a thread of its own, where nothing may be read without a key."""
    ready, told = threading.Event(), []

    async def main(stop: asyncio.Event) -> None:
        async with filled(directory, address) as hub:
            closed = hub.with_access(Access(open_reading=False, per_minute=10**9))
            async with served(closed) as url:
                told.extend([url, closed.key(Role.ADMIN)])
                ready.set()
                while not stop.is_set():  # what ingest would do
                    for row in Commands(hub.book).waiting(("replay", "retire")):
                        Commands(hub.book).finish(row.id, {"stored": 0}, NOW_MS)
                    await asyncio.sleep(0.02)

    loop = asyncio.new_event_loop()
    stop = asyncio.Event()
    thread = threading.Thread(target=loop.run_until_complete, args=(main(stop),), name="hub")
    thread.start()
    try:
        assert ready.wait(30)
        yield told[0], told[1]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(30)
        loop.close()


@pytest.mark.timeout(300)
def test_every_route_keeps_to_its_description(tmp_path: Path) -> None:
    (tmp_path / "schemathesis.toml").write_text(CONFIG, encoding="utf-8")
    with serving(tmp_path) as (url, key):
        done = subprocess.run(
            [
                *(
                    sys.executable,
                    "-m",
                    "schemathesis.cli",
                    "--config-file",
                    str(tmp_path / "schemathesis.toml"),
                ),
                *("run", f"{url}/openapi.json", "--checks", "all", "--workers", "2", "--no-color"),
                *("-H", f"Authorization: Bearer {key}", "--exclude-path", "/v1/stream"),  # it never ends
                *("--phases", "examples,coverage,fuzzing,stateful", "--max-examples", str(EXAMPLES)),
                *(
                    "--max-time",
                    str(SECONDS),
                    "--seed",
                    "7",
                    "--generation-database",
                    "none",
                    "--warnings",
                    "off",
                ),
            ],
            capture_output=True,
            text=True,
            timeout=280,
            check=False,
            cwd=tmp_path,
        )
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2000:]
    assert key not in done.stderr


async def test_every_example_in_the_reference_works(client: httpx.AsyncClient, hub: Hub) -> None:
    """Each parameter's beside what is required, each body's; none is refused, and each has one where one can be made up."""
    document = hub.app.openapi()
    (anomaly,) = (await client.get("/v1/anomalies")).json()["items"]
    asked = 0
    for path, operations in document["paths"].items():
        operation = operations.get("get", {})
        parameters = operation.get("parameters", [])
        for one in [None, *parameters] if operation and path != "/v1/stream" else []:
            if one is not None and "example" not in one:
                continue
            address = path
            query: dict[str, Any] = {}
            for parameter in parameters:
                if parameter["in"] == "path" and "example" in parameter:
                    address = address.replace(f"{{{parameter['name']}}}", str(parameter["example"]))
                elif parameter is one or (parameter.get("required") and parameter["in"] == "query"):
                    query[parameter["name"]] = parameter["example"]
            if path == "/v1/aggregate" and "site" not in query:
                query["sensor"] = "bai-chay-pm-1"
            if "{" in address or path.startswith(("/v1/keys", "/v1/audit")):
                continue
            asked += 1
            answer = await client.get(address, params=query)
            assert answer.status_code == 200, (address, query, answer.text)
        body = operations.get("post", {}).get("requestBody", {}).get("content", {})
        example = body.get("application/json", {}).get("example")
        if example is not None and "{alarm_id}" not in path:
            asked += 1
            answer = await client.post(path.replace("{anomaly_id}", anomaly["id"]), json=example)
            assert answer.status_code == 200, (path, answer.text)
    assert asked > 100
