"""What is written where: every generated file below a directory, and how the directory differs from that."""

from collections.abc import Iterator
from pathlib import Path

from grafana import alerts, infinity, provision
from grafana.air import AIR
from grafana.city import CITY_DASHBOARD
from grafana.completeness import COMPLETENESS
from grafana.gateways import GATEWAYS
from grafana.model import PAGE
from grafana.noise import NOISE
from grafana.overview import OVERVIEW
from grafana.pipeline import PIPELINE
from grafana.sensor import ONE_SENSOR_DASHBOARD
from grafana.traffic import TRAFFIC

HERE = Path(__file__).parent
DASHBOARDS = (OVERVIEW, AIR, TRAFFIC, NOISE, ONE_SENSOR_DASHBOARD, GATEWAYS, COMPLETENESS, PIPELINE)
INFINITY = provision.file(
    "For the embedded store; needs the Infinity plugin. HALONG_HUB_KEY is an API key that may read.",
    "datasources",
    [infinity.source("$HALONG_HUB_URL", "$HALONG_HUB_KEY")],
)


def rendered(page: str = PAGE) -> dict[str, str]:
    """Path below the directory -> content; `page` is the address of the hub's page."""
    files = {f"dashboards/{dashboard.uid}.json": dashboard.text(page) for dashboard in DASHBOARDS}
    files[f"dashboards-api/{CITY_DASHBOARD.uid}.json"] = CITY_DASHBOARD.text(page)
    files["samples/infinity.yaml"] = INFINITY
    files["provisioning/datasources/halong.yaml"] = provision.DATASOURCE
    files["provisioning/dashboards/halong.yaml"] = provision.DASHBOARDS
    return files | alerts.FILES


def write(directory: Path, page: str = PAGE) -> list[Path]:
    """Bring every generated file up to date; returns those that were not. Raises OSError."""
    changed = []
    for name, text in rendered(page).items():
        path = directory / name
        if _content(path) != text.encode():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())
            changed.append(path)
    return changed


def differences(directory: Path, page: str = PAGE) -> Iterator[str]:
    """One line for each file that is absent, differs, or that nothing generates. Raises OSError."""
    wanted = rendered(page)
    for name, text in wanted.items():
        content = _content(directory / name)
        if content is None:
            yield f"{directory / name} is not there: run python -m grafana"
        elif content != text.encode():
            yield f"{directory / name} is not what the code makes: run python -m grafana"
    ours = ("dashboards*/**/*.json", "provisioning/**/*.yaml", "samples/*.yaml")
    for path in sorted(path for pattern in ours for path in directory.glob(pattern)):
        if path.relative_to(directory).as_posix() not in wanted:
            yield f"{path} is not made by any code: delete it"


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None
