"""The documents say what is true: links lead somewhere, routes and commands are those of the program."""

import re
from pathlib import Path

import pytest

from api.app import DESCRIPTION, create
from api.gate import Access
from api.pages import Tiles
from api.services import Services
from edge.settings import EdgeConfig
from halong.__main__ import COMMANDS
from halong.hub import HubConfig
from runtime.config import parse
from telemetry.reading import Flag
from tests.edge.test_source_docs import GATEWAY

ROOT = Path(__file__).parents[1]
DOCUMENTS = [*sorted(ROOT.glob("README*.md")), ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


def anchors(document: Path) -> set[str]:
    """What a heading's link is, as GitHub makes it: lower case, no marks, hyphens for spaces."""
    text = re.sub(r"^```.*?^```$", "", document.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    for link, anchor in re.findall(r"\]\(([^)#]*)(?:#([^)]*))?\)", text):
        if "://" not in link:
            place = document.parent / link if link else document
            assert place.exists(), link
            assert not anchor or anchor in anchors(place), f"{link}#{anchor}"


def test_there_are_links_to_follow() -> None:
    links = [re.findall(r"\]\(", document.read_text(encoding="utf-8")) for document in DOCUMENTS]
    assert len(DOCUMENTS) > 30
    assert sum(map(len, links)) > 200


def test_every_page_is_in_the_index_and_in_the_site() -> None:
    docs = ROOT / "docs"
    pages = {str(path.relative_to(docs)) for path in docs.rglob("*.md") if path.parent.name != "decisions"}
    index = set(re.findall(r"\]\(([^)#]*\.md)\)", (docs / "index.md").read_text(encoding="utf-8")))
    site = re.findall(
        r"^ +- (?:.*: )?(\S+\.md)$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert pages - {"index.md"} <= index, "docs/index.md leads to every page"
    assert pages <= set(site), "mkdocs.yml lists every page"


def test_the_table_of_routes_is_the_api(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"^\| `(/[^`]*)` \|", text, re.MULTILINE))
    services = Services.__new__(Services)
    object.__setattr__(services, "version", "0")
    object.__setattr__(services, "access", Access())
    object.__setattr__(services, "tiles", Tiles())
    assert listed == set(create(services).openapi()["paths"])
    assert DESCRIPTION


def test_the_flags_are_all_explained() -> None:
    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    (sentence,) = re.findall(r"bit field: (.*?)\.\n", text, re.DOTALL)
    assert [int(number) for number in re.findall(r"(\d+) [a-z]", sentence)] == [int(flag) for flag in Flag]


def test_the_table_of_commands_is_the_program() -> None:
    text = (ROOT / "docs" / "running.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`halong [^|]*) \|", text.partition("## Commands")[2], re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`halong (\w+)", row)}
    assert named == set(COMMANDS)


def test_the_examples_of_a_hubs_configuration_are_good() -> None:
    """Those of an agent's are in `tests/edge/test_source_docs.py`."""
    found = [
        (page, example)
        for page in ("alarms", "page", "security")
        for example in re.findall(
            r"^```toml\n(.*?)^```",
            (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8"),
            re.MULTILINE | re.DOTALL,
        )
    ]
    assert len(found) == 5
    for page, example in found:
        parse(example, HubConfig, f"docs/{page}.md")
        if page == "security":
            parse(GATEWAY + example, EdgeConfig, f"docs/{page}.md")


def test_every_test_that_the_threat_model_names_is_there() -> None:
    named = re.findall(
        r"`(tests/[\w/]+\.py)::(\w+)`", (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    )
    assert len(named) > 30
    for file, name in named:
        assert re.search(
            rf"^(?:async )?def {name}\(", (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE
        ), name


@pytest.mark.parametrize("page", ["README.md", "docs/architecture.md"])
def test_modules_and_folders_that_a_stranger_is_sent_to_are_there(page: str) -> None:
    packages = "edge|ingest|api|halong|runtime|storage|telemetry|firmware_sim|grafana|tests"
    text = (ROOT / page).read_text(encoding="utf-8")
    named = re.findall(rf"`((?:{packages})/(?:[\w/]+(?:/|\.\w+))?)`", text)
    assert len(named) > 8
    assert [name for name in named if not (ROOT / name).exists()] == []
