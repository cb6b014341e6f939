"""Questions to the API, and what every answer and every refusal looks like."""

from typing import Any

import httpx

PM = {"sensor": "bai-chay-pm-1", "quantity": "pm25"}


async def get(client: httpx.AsyncClient, path: str, **query: Any) -> Any:
    answer = await client.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def refused(client: httpx.AsyncClient, path: str, status: int = 400, **query: Any) -> str:
    answer = await client.get(path, params=query)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    document = answer.json()
    assert document["status"] == status
    assert document["instance"] == path
    assert document["title"]
    detail = str(document["detail"])
    assert detail
    assert "\n" not in detail
    return detail
