"""The reference: every route is in it, its examples are true, and it loads nothing from elsewhere."""

from typing import Any

import httpx
import pytest

from api.examples import _EXAMPLES
from storage.alarms import put
from tests.api.conftest import NOW_MS, Hub, alarm
from tests.api.questions import PM, get, refused

ROUTES = {
    "overview": ("/v1/overview", {}),
    "sensors": ("/v1/sensors", {}),
    "sites": ("/v1/sites", {}),
    "gateways": ("/v1/gateways", {}),
    "quantities": ("/v1/quantities", {}),
    "latest": ("/v1/latest", {}),
    "readings": ("/v1/readings", PM),
    "aggregate": ("/v1/aggregate", PM),
    "aqi": ("/v1/aqi", {}),
    "aqi_hour": ("/v1/aqi/hour", {}),
    "aqi_day": ("/v1/aqi/day", {}),
    "aqi_history": ("/v1/aqi/history", {"start": str(NOW_MS - 3_600_000)}),
    "anomalies": ("/v1/anomalies", {}),
    "quarantine": ("/v1/quarantine", {}),
    "completeness": ("/v1/completeness", {}),
    "healthz": ("/healthz", {}),
    "readyz": ("/readyz", {}),
}
OTHERS = {
    "/v1/stream",
    "/v1/account",
    "/metrics",
    "/v1/session",
    "/v1/keys",
    "/v1/keys/{key_id}",
    "/v1/audit",
    "/sta/v1.1",
    "/sta/v1.1/{path}",
    "/v1/traffic",
    "/v1/anomalies/{anomaly_id}",
    "/v1/anomalies/{anomaly_id}/acknowledge",
    "/v1/anomalies/{anomaly_id}/comments",
    "/v1/quarantine/replay",
    "/v1/quarantine/dismiss",
    "/v1/commands/{number}",
    "/v1/gateways/{gateway}/retire",
    "/v1/sensors/{sensor}/history",
    "/v1/sensors/{sensor}/usual",
    "/v1/corrections",
    "/v1/corrections/{number}",
    "/v1/validity",
    "/v1/validity/{number}",
    "/v1/alarms",
    "/v1/alarms/{alarm_id}",
    "/v1/alarms/{alarm_id}/acknowledge",
    "/v1/alarms/{alarm_id}/comments",
    "/v1/alarms/{alarm_id}/mute",
    "/v1/mutes",
    "/v1/mutes/{number}",
    "/v1/maintenance",
    "/v1/maintenance/{number}",
}


def shape(content: Any) -> Any:
    """The keys of an answer, of its first item for a list."""
    if isinstance(content, dict):
        return {key: shape(value) for key, value in content.items()}
    if isinstance(content, list):
        return [shape(content[0])] if content else []
    return None


@pytest.mark.parametrize("name", ROUTES)
async def test_the_example_in_the_reference_has_the_shape_of_the_answer(
    client: httpx.AsyncClient, hub: Hub, name: str
) -> None:
    path, query = ROUTES[name]
    with hub.book.writing() as database:
        put(database, [alarm("a1", acknowledged_ms=NOW_MS, acknowledged_by="Lan")])
    assert shape(await get(client, path, **query)) == shape(_EXAMPLES[name])


@pytest.mark.parametrize("name", ROUTES)
async def test_an_unknown_parameter_is_refused_with_its_neighbour(
    client: httpx.AsyncClient, hub: Hub, name: str
) -> None:
    path, query = ROUTES[name]
    with hub.book.writing() as database:
        put(database, [alarm("a1", acknowledged_ms=NOW_MS, acknowledged_by="Lan")])
    assert "unknown parameter 'frobnicate'" in await refused(client, path, frobnicate=1, **query)


async def test_every_route_is_in_the_reference_with_an_example(client: httpx.AsyncClient) -> None:
    document = await get(client, "/openapi.json")
    assert document["openapi"].startswith("3.1")
    assert {path for path, _ in ROUTES.values()} | OTHERS == set(document["paths"])
    for path, methods in document["paths"].items():
        for method in methods.values():
            if "204" not in method["responses"]:
                (content,) = [c for c in method["responses"]["200"]["content"].values() if "example" in c]
                assert content["example"], path
            assert "application/problem+json" in method["responses"]["4XX"]["content"], path
            assert method["summary"], path
            assert method["description"], path


async def test_the_reference_loads_nothing_from_elsewhere(client: httpx.AsyncClient) -> None:
    page = (await client.get("/docs")).text
    assert "https://" not in page
    assert "/static-offline-docs/swagger-ui-bundle.js" in page
    assert (await client.get("/static-offline-docs/swagger-ui-bundle.js")).status_code == 200
