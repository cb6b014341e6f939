"""What `halong up` shows, against a small HTTP server that answers like the hub, or does not."""

import http.server
import io
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from rich.console import Console

from halong.status import Status, items

GATEWAYS = {
    "items": [
        {
            "id": "gw-b",
            "site": {"id": "b", "name": "Bãi Cháy"},
            "online": True,
            "sensors": 5,
            "accepted": 100,
            "backlog": 2,
        },
        {"id": "gw-a", "site": {"id": "a"}, "online": False, "sensors": 3, "accepted": 0, "backlog": 0},
    ]
}
ANOMALIES = {
    "items": [
        {"id": "2", "text": "PM2.5 [/x] far above", "severity": "critical", "start_ms": 9e15, "end": None},
        {
            "id": "1",
            "text": "CO₂ silent",
            "severity": "warning",
            "start_ms": 9e15,
            "end": "2026-11-23T00:00:00Z",
        },
        {"id": "0", "text": "of an earlier run", "severity": "warning", "start_ms": 0, "end": None},
    ]
}


class Hub:
    """Answers of the three paths that are asked; `cut` breaks off in the middle of an answer, as a killed hub does."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {
            "/v1/gateways": GATEWAYS,
            "/v1/anomalies": ANOMALIES,
            "/v1/account": {"readings_stored": 98},
        }
        self.cut = False
        hub = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = json.dumps(hub.answers.get(self.path.partition("?")[0])).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body) + 50 * hub.cut))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Quiet."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"


@pytest.fixture
def hub() -> Iterator[Hub]:
    found = Hub()
    thread = threading.Thread(target=found.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield found
    found.server.shutdown()
    found.server.server_close()
    thread.join()


def screen() -> Console:
    return Console(file=io.StringIO(), width=120, force_terminal=False)


def text(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


async def test_a_plain_line_sums_up_the_city(hub: Hub) -> None:
    console = screen()
    status = Status(hub.url, console, expected=2)
    status._print_plain(await status._look())
    line = text(console).splitlines()[0]
    assert "1/2 gateways  8 sensors" in line
    assert "backlog 2  98 stored" in line


async def test_an_anomaly_is_told_once_oldest_first_in_its_own_words(hub: Hub) -> None:
    console = screen()
    status = Status(hub.url, console, expected=2)
    for _ in range(3):
        status._print_plain(await status._look())
    told = [line.strip() for line in text(console).splitlines() if "!" in line]
    assert told == ["! CO₂ silent", "! PM2.5 [/x] far above"]


async def test_the_table_shows_every_gateway(hub: Hub) -> None:
    console = screen()
    status = Status(hub.url, console, expected=12)
    console.print(status._picture(await status._look()))
    shown = text(console)
    assert shown.index("gw-a") < shown.index("gw-b")
    for words in (
        "Bãi Cháy",
        "online",
        "away",
        "2/12 gateways · 98 readings stored",
        "● PM2.5 [/x] far above",
        "○ CO₂ silent",
    ):
        assert words in shown


async def test_a_hub_that_is_away_is_shown_too(hub: Hub) -> None:
    console = screen()
    status = Status("http://127.0.0.1:1", console, expected=2)
    status._print_plain(await status._look())
    console.print(status._picture(await status._look()))
    assert text(console).count("waiting for the hub") == 2


async def test_a_hub_killed_in_the_middle_of_an_answer_is_away(hub: Hub) -> None:
    hub.cut = True
    assert await Status(hub.url, screen(), expected=2)._look() is None
    hub.cut = False
    assert await Status(hub.url, screen(), expected=2)._look() is not None


def gateways(accepted: int) -> list[dict[str, Any]]:
    return [{"id": "gw", "accepted": accepted}]


def test_rates_are_readings_a_second_since_some_seconds() -> None:
    status = Status("http://x", screen(), expected=1)
    rates = [status._rates(gateways(10 * second), float(second))["gw"] for second in range(30)]
    assert rates == [0.0] + [10.0] * 29


def test_a_new_agent_counts_from_0() -> None:
    status = Status("http://x", screen(), expected=1)
    for second in range(8):
        status._rates(gateways(1000 * second), float(second))
    rates = [status._rates(gateways(5 * (second - 8)), float(second))["gw"] for second in range(8, 20)]
    assert rates == [0.0] + [5.0] * 11


@pytest.mark.parametrize("away_s", [9, 11, 300])
def test_after_the_hub_was_away_rates_come_back(away_s: int) -> None:
    status = Status("http://x", screen(), expected=1)
    for second in range(8):
        status._rates(gateways(10 * second), float(second))
    rates = [
        status._rates(gateways(10 * second), float(second))["gw"] for second in range(8 + away_s, 20 + away_s)
    ]
    assert rates[1:] == [10.0] * 11


def test_lists_are_found_bare_and_in_items() -> None:
    assert items([1, 2]) == items({"items": [1, 2], "next": None}) == [1, 2]
