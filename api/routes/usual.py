"""What is usual for a series, hour by hour: for a chart to draw behind what was measured."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends

from api.examples import example
from api.params import span, strict_query
from api.problems import ProblemError
from api.services import Services, known_quantity, view
from telemetry.quantities import QUANTITIES
from telemetry.times import DAY_MS, rfc3339

LONGEST_DAYS = 92

router = APIRouter(prefix="/v1", tags=["anomalies"], dependencies=[Depends(strict_query)])


@router.get(
    "/sensors/{sensor}/usual",
    summary="What is usual for a sensor, hour by hour",
    responses=example("usual"),
)
async def usual(
    hub: Annotated[Services, Depends(view)],
    sensor: str,
    quantity: str,
    start: str | None = None,
    end: str | None = None,
) -> dict[str, Any]:
    """Every hour that touches [start, end), the last day unless said otherwise, up to 92 days, also to come: what is expected
    of a minute's mean at this hour of this weekday (on a public holiday, which is named: of a Sunday), and between which
    values 98 of 100 were. As it is known now, not as it was known then. All three are null while it is not learned: after
    less than two days with this hour, and for directions and counters.
    """
    found = hub.sensor(sensor)
    known_quantity(quantity)
    start_ms, end_ms = span(start, end, now_ms=hub.clock(), default_ms=DAY_MS)
    if end_ms - start_ms > LONGEST_DAYS * DAY_MS:
        raise ProblemError(400, f"what is usual is told for up to {LONGEST_DAYS} days at once")
    items = [
        {
            "start": rfc3339(one.start_ms),
            "t": one.start_ms,
            "low": one.low,
            "expected": one.expected,
            "high": one.high,
            "holiday": one.holiday or None,
            "holiday_vi": one.holiday_vi or None,
        }
        for one in hub.usual(found.id, quantity, start_ms, end_ms)
    ]
    return {
        "sensor": found.id,
        "quantity": quantity,
        "unit": QUANTITIES[quantity].unit,
        "items": items,
        "next": None,
    }
