"""All that is made, loaded into a Grafana by its HTTP API, asked and drawn through it.

By default a small peer of the documented API stands for Grafana. With HALONG_TEST_GRAFANA_URL (and HALONG_TEST_GRAFANA_SECRET,
a token or user:password of an administrator) the same is done with that one: its folder `halong` is overwritten, and it must
reach this machine's InfluxDB at 127.0.0.1.
"""

import json
import os
import struct
from collections.abc import Iterator

import pytest

from grafana import alerts, provision
from grafana.__main__ import main
from grafana.files import DASHBOARDS
from grafana.provision import SHORTEST_WINDOW, source
from grafana.server import Grafana, GrafanaError
from tests.grafana.conftest import Written, panels, seconds, shown
from tests.grafana.peer import Peer, peer

REAL = os.environ.get("HALONG_TEST_GRAFANA_URL", "")
SECRET = os.environ.get("HALONG_TEST_GRAFANA_SECRET", "")


@pytest.fixture(params=["peer", *(["real"] if REAL else [])])
def server(request: pytest.FixtureRequest) -> Iterator[Grafana]:
    if request.param == "real":
        yield Grafana(REAL, SECRET)
    else:
        with peer() as one:
            yield Grafana(one.url, one.secret)


@pytest.fixture
def small() -> Iterator[Peer]:
    with peer("admin:secret") as one:
        yield one


@pytest.mark.influxd
def test_what_is_loaded_answers_in_every_panel_and_is_drawn(server: Grafana, written: Written) -> None:
    assert server.version()
    for _ in range(2):  # again is as good as once
        paths = server.load(source(written.url, "", "", written.database), DASHBOARDS)
    assert [path.split("/")[2] for path in paths] == [one.uid for one in DASHBOARDS]
    empty = set()
    for panel in panels():
        (target,) = panel["targets"]
        interval, since = written.interval(panel, SHORTEST_WINDOW), panel.get("timeFrom", "")
        query = written.variables(target["query"])
        asked = target | {"query": query, "datasource": {"type": "influxdb", "uid": provision.DATASOURCE_UID}}
        start_ms = written.end_ms - 1000 * seconds(since) if since else written.start_ms
        answers = server.ask(
            [asked], start_ms, written.end_ms, interval_ms=1000 * seconds(interval), points=1000
        )
        if not any(len(frame.columns) > 1 and len(frame.columns[0]) for frame in answers[target["refId"]]):
            empty.add(panel["title"])
    assert empty == set()
    if server.draws():
        model = json.loads(DASHBOARDS[0].text())
        panel = shown(model)[0]["id"]
        variables = {"ds": provision.DATASOURCE_UID, "site": "$__all", "sensor": "$__all"}
        image = server.draw(model["uid"], panel, written.start_ms, written.end_ms, variables, (800, 400))
        assert struct.unpack(">II", image[16:24]) == (800, 400)


def test_rules_come_with_their_folder_and_seconds(small: Peer) -> None:
    Grafana(small.url, small.secret).load(source("http://influx", "u", "p"), DASHBOARDS[:1])
    group = small.groups["halong"]
    assert (group["interval"], small.folders) == (60, {"halong": "Hạ Long"})
    assert [rule["uid"] for rule in group["rules"]] == [rule.uid for rule in alerts.RULES]
    assert small.sources[provision.DATASOURCE_UID]["secureJsonData"] == {"basicAuthPassword": "p"}


@pytest.mark.parametrize(("secret", "says"), [("admin:wrong", "401"), ("token", "401"), ("", "401")])
def test_a_wrong_secret_is_one_line(small: Peer, secret: str, says: str) -> None:
    with pytest.raises(GrafanaError, match=says) as caught:
        Grafana(small.url, secret).load(source("http://influx", "", ""), ())
    assert "\n" not in str(caught.value)
    assert not small.folders


@pytest.mark.influxd
def test_what_the_database_refuses_is_told(small: Peer, written: Written) -> None:
    server = Grafana(small.url, small.secret)
    server.load(source(written.url, "", "", written.database), ())
    for query in ("SELECT nothing(", "SELECT $site"):
        target = {"refId": "A", "query": query, "resultFormat": "table"}
        target["datasource"] = {"uid": provision.DATASOURCE_UID}  # type: ignore[assignment]
        with pytest.raises(GrafanaError, match=r"400 .*A.*(pars|replaced)"):
            server.ask([target], written.start_ms, written.end_ms, interval_ms=1000, points=10)


def test_without_a_renderer_nothing_is_drawn_and_what_is_no_grafana_is_told() -> None:
    with peer(draws=False) as one:
        assert not Grafana(one.url, one.secret).draws()
        with pytest.raises(GrafanaError, match="404"):
            Grafana(one.url, one.secret).draw("nothing", 1, 0, 1, {}, (10, 10))
    with pytest.raises(GrafanaError, match="does not answer"):
        Grafana(one.url).version()


def test_the_command_loads_and_needs_the_address_of_the_database(
    small: Peer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--load", small.url]) == 1
    assert "HALONG_INFLUX_URL must say" in capsys.readouterr().err
    monkeypatch.setenv("HALONG_INFLUX_URL", "http://127.0.0.1:8086")
    assert main(["--load", small.url]) == 1
    assert capsys.readouterr().err.count("\n") == 1
    monkeypatch.setenv("HALONG_GRAFANA_SECRET", small.secret)
    assert main(["--load", small.url, "--page", "https://halong.example"]) == 0
    assert f"{small.url}/d/halong-air/x" in capsys.readouterr().out
    assert small.dashboards["halong-air"]["links"][1]["url"] == "https://halong.example/"
