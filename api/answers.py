"""Answers in the form the client asks for: JSON, CSV, Parquet, GeoJSON, SenML."""

import asyncio
import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any

import msgspec
import numpy as np
from fastapi import Request
from fastapi.responses import Response
from numpy.typing import NDArray

from api.problems import ProblemError
from storage import parquet
from telemetry.names import did_you_mean
from telemetry.quantities import QUANTITIES
from telemetry.reading import Reading


class Form(StrEnum):
    """The forms, by the name that `format=` takes."""

    JSON = "json"
    CSV = "csv"
    PARQUET = "parquet"
    GEOJSON = "geojson"
    SENML = "senml"


MEDIA_TYPES = {
    Form.JSON: "application/json",
    Form.CSV: "text/csv",
    Form.PARQUET: "application/vnd.apache.parquet",
    Form.GEOJSON: "application/geo+json",
    Form.SENML: "application/senml+json",
}
_ENCODER = msgspec.json.Encoder()


def wanted(request: Request, name: str | None, possible: Sequence[Form]) -> Form:
    """The form asked for by `format=`, else by Accept, else JSON; 400 for one that this route has not."""
    if name is not None:
        if name not in possible:
            raise ProblemError(400, f"no format {name!r} here, {did_you_mean(name, possible)}")
        return Form(name)
    accept = request.headers.get("accept", "")
    if not accept or accept == "*/*":
        return Form.JSON
    best, weight = Form.JSON, 0.0
    for part in accept.split(","):
        media_type, _, parameters = part.strip().partition(";")
        quality = _quality(parameters)
        for form in possible:
            if MEDIA_TYPES[form] == media_type.strip().lower() and quality > weight:
                best, weight = form, quality
    return best


def _quality(parameters: str) -> float:
    for parameter in parameters.split(";"):
        name, _, value = parameter.strip().partition("=")
        if name == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0


def json(content: Any, *, form: Form = Form.JSON, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON answer, encoded at once."""
    return Response(_ENCODER.encode(content), media_type=MEDIA_TYPES[form], headers=dict(headers or {}))


def text(
    head: Sequence[str], lines: Iterable[Sequence[object]], headers: Mapping[str, str] | None = None
) -> Response:
    """CSV as RFC 4180 has it."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\r\n")
    writer.writerow(head)
    writer.writerows(lines)
    return Response(stream.getvalue(), media_type=MEDIA_TYPES[Form.CSV], headers=dict(headers or {}))


async def table(
    columns: Mapping[str, NDArray[np.generic]], headers: Mapping[str, str] | None = None
) -> Response:
    """Parquet; made in a thread of its own."""
    content = await asyncio.to_thread(parquet.encode, columns)
    return Response(content, media_type=MEDIA_TYPES[Form.PARQUET], headers=dict(headers or {}))


def times(milliseconds: Iterable[int]) -> NDArray[np.generic]:
    """A column of times in UTC."""
    return np.array(list(milliseconds), "datetime64[ms]")


def senml(readings: Iterable[tuple[str, Reading]], headers: Mapping[str, str] | None = None) -> Response:
    """(site, reading) pairs as a SenML pack (RFC 8428) that any reader understands; `site` stands beside its sensor's name."""
    records: list[dict[str, Any]] = []
    sensor = None
    for site, reading in readings:
        record: dict[str, Any] = {}
        if reading.sensor != sensor:
            sensor = reading.sensor
            record["bn"] = f"{sensor}/"
            record["site"] = site
        record["n"] = reading.quantity
        record["u"] = QUANTITIES[reading.quantity].unit if reading.quantity in QUANTITIES else ""
        record["t"] = reading.observed_at / 1000
        record["v"] = reading.value
        if reading.flags:
            record["fl"] = reading.flags
        records.append(record)
    return json(records, form=Form.SENML, headers=headers)
