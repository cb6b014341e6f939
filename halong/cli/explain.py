"""`halong detect explain`: why a sensor was told of."""

from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import msgspec
import typer

from halong.cli.records import DATA, AsJson, Data, check_sensor, now_ms, opened, print_json, shown
from halong.cli.remote import Remote, Url
from halong.console import TIME, instant_ms
from ingest import usual, words
from telemetry.anomaly import HUB
from telemetry.times import CITY_OFFSET_MS
from telemetry.usual import UsualHour


def explain(
    sensor: Annotated[str, typer.Argument(help="The sensor's id, a gateway's, or hub.")],
    at: Annotated[str, typer.Option(help=f"When: {TIME}.")],
    data: Data = DATA,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Why a sensor, a gateway or the hub's clock was told of at a time: each anomaly that lasted then, with what was expected,
    the band and the score; and what is usual for each of its quantities at that hour.

    Read from the hub's book, also while it runs, or asked of its API (--url). Nothing to explain is no error.
    """
    at_ms = instant_ms(at, "--at")
    to_come = at_ms > now_ms()
    if url is not None:
        found, hours = _asked(Remote(url), sensor, at_ms)
    else:
        found, hours = _looked_up(data, sensor, at_ms)
    if to_come:  # whether what lasts now will last until then, nobody knows
        found = [one for one in found if one["end_ms"] is not None]
    if as_json:
        print_json(found)
        return
    for one in found:
        print(f"{one['text']}\n{one['text_vi']}")
        bounded = one["low"] is not None and one["high"] is not None
        band = f", usual {one['low']:.6g} to {one['high']:.6g}" if bounded else ""
        expected = "" if one["expected"] is None else f", expected {one['expected']:.6g}"
        value = "" if one["value"] is None else f", value {one['value']:.6g}"
        print(f"  {one['kind']} from {shown(one['start_ms'])}, score {one['score']:g}{value}{expected}{band}")
    if not found:
        nothing = "has still to see" if to_come else "had no anomaly at"
        print(f"{sensor} {nothing} {shown(at_ms)}")
    for quantity, hour in sorted(hours.items()):
        if hour.low is not None and hour.high is not None and hour.expected is not None:
            when = words.at_hour(hour.start_ms + CITY_OFFSET_MS, hour.holiday)
            print(
                f"  {words.title(quantity)}: usual for {when} is {words.band(quantity, hour.low, hour.high)},"
                f" expected {words.amount(quantity, hour.expected)} (as it is known now)"
            )


def _looked_up(data: Path, sensor: str, at_ms: int) -> tuple[list[dict[str, Any]], dict[str, UsualHour]]:
    with opened(data) as book:
        found = book.anomalies(sensor=sensor, start_ms=at_ms, end_ms=at_ms + 1, limit=100)
        quantities = next((row.quantities for row in book.sensors() if row.id == sensor), ())
        if not found and sensor not in [HUB, *(row.id for row in book.gateways())]:
            check_sensor(book, sensor)
        hours = {one: usual.hours(book, sensor, one, at_ms, at_ms + 1)[0] for one in quantities}
    return [msgspec.to_builtins(one) for one in found], hours


def _asked(hub: Remote, sensor: str, at_ms: int) -> tuple[list[dict[str, Any]], dict[str, UsualHour]]:
    span = {"start": str(at_ms), "end": str(at_ms + 1)}
    found = hub.listed("/v1/anomalies", 100, sensor=sensor, **span)["items"]
    known = {row["id"]: row for row in hub.get("/v1/sensors")["items"]}
    quantities = [one["name"] for one in known[sensor]["quantities"]] if sensor in known else []
    hours = {}
    for quantity in quantities:
        (item,) = hub.get(f"/v1/sensors/{quote(sensor, safe='')}/usual", quantity=quantity, **span)["items"]
        hours[quantity] = UsualHour(
            item["t"],
            item["low"],
            item["expected"],
            item["high"],
            item["holiday"] or "",
            item["holiday_vi"] or "",
        )
    return found, hours
