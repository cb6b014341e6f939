"""The OpenAPI document made true: keys, problem documents instead of the framework's own errors, caching."""

from collections.abc import Callable
from typing import Any

from api.asked_examples import put_into
from api.identity import COOKIE, SAFE_METHODS, is_public

SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "a key of `halong key create`"},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    "cookie": {"type": "apiKey", "in": "cookie", "name": COOKIE},
}
WITH_KEY: list[dict[str, list[str]]] = [{name: []} for name in SCHEMES]
COMMANDS = ("/v1/quarantine/replay", "/v1/gateways/{gateway}/retire")  # what ingest takes up
UNAVAILABLE = {
    "description": "The store or the book does not answer now: try again after Retry-After",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
NOT_MODIFIED = {"description": "What If-None-Match names is still true"}
PROBLEM = {
    "type": "object",
    "title": "Problem",
    "description": "RFC 9457: `detail` is one sentence that says what to do",
    "required": ["type", "title", "status", "detail", "instance"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
    },
}


def complete(described: Callable[[], dict[str, Any]], *, open_reading: bool) -> Callable[[], dict[str, Any]]:
    """The document with what the framework cannot know; made once."""
    made: list[dict[str, Any]] = []

    def openapi() -> dict[str, Any]:
        if not made:
            made.append(_complete(described(), open_reading))
        return made[0]

    return openapi


def _complete(document: dict[str, Any], open_reading: bool) -> dict[str, Any]:
    components = document.setdefault("components", {})
    components["securitySchemes"] = SCHEMES
    schemas = components.setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas["Problem"] = PROBLEM
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            _complete_operation(path, method.upper(), operation, open_reading)
    return document


def _complete_operation(path: str, method: str, operation: dict[str, Any], open_reading: bool) -> None:
    if is_public(path):
        operation["security"] = []
    else:
        may_read = open_reading and method in SAFE_METHODS
        operation["security"] = [{}, *WITH_KEY] if may_read else WITH_KEY
    put_into(path, operation)
    responses = operation["responses"]
    responses.pop("422", None)
    for answer in responses.values():
        for media_type, content in answer.get("content", {}).items():
            if media_type == "application/problem+json":
                content.setdefault("schema", {"$ref": "#/components/schemas/Problem"})
    responses.setdefault("503", UNAVAILABLE)
    if path in COMMANDS:
        later = {**responses["200"], "description": "Not done yet: Location says where to look"}
        responses.setdefault("202", later)
    if method == "GET":
        responses.setdefault("304", NOT_MODIFIED)
