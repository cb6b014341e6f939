"""Fixtures for everybody: one influxd and one mosquitto a session, and what keeps tests from disturbing each other."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
import structlog
from hypothesis import settings

from tests.servers import influxd, mosquitto
from tests.thorough import DEFAULT, examples

settings.register_profile("halong", examples(DEFAULT))
settings.load_profile("halong")

# They wait much: begun first, the others fill the time beside them.
LONG = (
    "tests/chaos/",
    "tests/e2e/",
    "tests/test_tutorial.py",
    "tests/contracts/test_scan.py",
    "tests/deploy/",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long ones first, else in the order they are found."""
    items.sort(key=lambda item: not item.nodeid.startswith(LONG))


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """A command sets up logging for its whole process, which here is pytest."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)
    structlog.contextvars.clear_contextvars()


@pytest.fixture(scope="session")
def influxd_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`http://127.0.0.1:PORT` of a real InfluxDB 1.6 with an empty data directory."""
    with influxd(tmp_path_factory.mktemp("influxd")) as url:
        yield url


@pytest.fixture(scope="session")
def strict_influxd_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Another that asks who is there (create the first user as admin) and takes bodies of up to 20,000 bytes."""
    options = "  auth-enabled = true\n  max-body-size = 20000"
    with influxd(tmp_path_factory.mktemp("strict-influxd"), options) as url:
        yield url


@pytest.fixture
def influx_database() -> str:
    """The name of a database no other test of this session uses; it does not exist yet."""
    return f"halong_{uuid4().hex[:12]}"


@pytest.fixture(scope="session")
def mosquitto_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`mqtt://127.0.0.1:PORT` of a real mosquitto with its default limits."""
    with mosquitto(tmp_path_factory.mktemp("mosquitto")) as url:
        yield url
