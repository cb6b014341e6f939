"""`halong aqi`: an air quality index by hand."""

import json
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from halong.console import fail
from telemetry import aqi as vn
from telemetry import us_aqi
from telemetry.aqi import NOWCAST_HOURS, Index, Pollutant

app = typer.Typer(
    no_args_is_help=True,
    help="VN_AQI (Decision 1459/QĐ-TCMT) by hand, the US index beside it. Concentrations in µg/m³, CO too.",
)
AsJson = Annotated[bool, typer.Option("--json", help="As JSON.")]
Amount = Annotated[float | None, typer.Option(help="Mean, µg/m³.")]


def _hours(text: str | None, name: str) -> list[float | None]:
    """c1 (this hour) to c12; an empty place or - is an absent hour."""
    if text is None:
        return []
    try:
        means = [float(part) if part.strip() not in ("", "-") else None for part in text.split(",")]
    except ValueError:
        raise fail(f"--{name} must be up to 12 numbers like 20.6,19.6,-,20.3, not {text!r}", 2) from None
    if len(means) > NOWCAST_HOURS:
        raise fail(f"--{name} takes the newest {NOWCAST_HOURS} hours, not {len(means)}", 2)
    if any(mean is not None and not 0 <= mean < 1e9 for mean in means):
        raise fail(f"--{name} has a mean that is no concentration: {text}", 2)
    return means


def describe(found: Index, means: Mapping[Pollutant, float]) -> dict[str, Any]:
    """An index as JSON; `means` are the concentrations it stands on."""
    band = vn.band(found.value) if found.value is not None else None
    return {
        "vn_aqi": found.value,
        "band": band.name if band else None,
        "band_vi": band.name_vi if band else None,
        "colour": band.colour if band else None,
        "main": found.main,
        "parts": dict(found.parts),
        "nowcast": {pollutant: round(mean, 2) for pollutant, mean in found.nowcast.items()},
        "us_aqi": us_aqi.largest(means),
    }


def _show(found: Index, means: Mapping[Pollutant, float], *, as_json: bool) -> None:
    answer = describe(found, means)
    if as_json:
        print(json.dumps(answer, ensure_ascii=False))
    elif found.value is None:
        print("no VN_AQI: it needs PM2.5 or PM10 (of an hour: at least two of the newest three hourly means)")
    else:
        print(f"VN_AQI {found.value} {answer['band_vi']} ({answer['band']}), by {found.main}")
        for pollutant, part in found.parts.items():
            print(f"  {pollutant:6} {means[pollutant]:8.1f} µg/m³  {part}")
        print(f"US AQI {answer['us_aqi'] if answer['us_aqi'] is not None else 'none'}")
    raise typer.Exit(0 if found.value is not None else 1)


@app.command()
def hour(
    pm25: Annotated[
        str | None, typer.Option(help="Hourly means c1,c2,…,c12, this hour first; - is an absent one.")
    ] = None,
    pm10: Annotated[str | None, typer.Option(help="The same of PM10.")] = None,
    o3: Amount = None,
    no2: Amount = None,
    so2: Amount = None,
    co: Amount = None,
    as_json: AsJson = False,
) -> None:
    """The index of an hour: dust by NowCast over twelve hourly means, gases by the hour's mean. Exit 1 when there is none."""
    gases = {Pollutant.O3_1H: o3, Pollutant.NO2: no2, Pollutant.SO2: so2, Pollutant.CO: co}
    try:
        found = vn.hourly(pm25=_hours(pm25, "pm25"), pm10=_hours(pm10, "pm10"), gases=gases)
    except ValueError as error:
        raise fail(str(error), 2) from None
    means = {**found.nowcast, **{gas: mean for gas, mean in gases.items() if mean is not None}}
    _show(found, means, as_json=as_json)


@app.command()
def day(
    pm25: Amount = None,
    pm10: Amount = None,
    o3_1h: Annotated[float | None, typer.Option(help="The day's largest 1 h mean.")] = None,
    o3_8h: Annotated[float | None, typer.Option(help="The day's largest 8 h mean.")] = None,
    no2: Amount = None,
    so2: Amount = None,
    co: Amount = None,
    as_json: AsJson = False,
) -> None:
    """The index of a day: 24 h means of dust, the largest hourly mean of NO2, SO2 and CO. Exit 1 when there is none."""
    given = {
        Pollutant.PM25: pm25,
        Pollutant.PM10: pm10,
        Pollutant.O3_1H: o3_1h,
        Pollutant.O3_8H: o3_8h,
        Pollutant.NO2: no2,
        Pollutant.SO2: so2,
        Pollutant.CO: co,
    }
    means = {pollutant: mean for pollutant, mean in given.items() if mean is not None}
    try:
        found = vn.daily(means)
    except ValueError as error:
        raise fail(str(error), 2) from None
    _show(found, means, as_json=as_json)
