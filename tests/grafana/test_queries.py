"""Every query of every dashboard against a real InfluxDB with the collector's own data in it, and the figures it must give."""

import math
import re
from collections import Counter

import pytest

from grafana import queries, vital_queries
from grafana.annotations import ALL, ANOMALIES, OF_SENSOR, OF_SITES
from grafana.provision import SHORTEST_WINDOW
from storage.influxql import EVERY_QUANTITY
from telemetry import aggregates
from telemetry.quantities import QUANTITIES, UnknownQuantityError, quantity

SOURCE = re.compile(rf'FROM (?:"(\w+)"|{re.escape(EVERY_QUANTITY)}|/\^\$quantity\$/)')
WINDOW_MS, HOUR_MS = 600_000, 3_600_000


def asked(query):
    """The quantity a query names, "" when it asks for all."""
    return SOURCE.search(query)[1] or ""


def choices(rows):
    """(sites, sensors) as one value, several, and All."""
    sensors = sorted({(row.site, row.reading.sensor) for row in rows})
    several = sensors[:1] + sensors[-2:]
    return {
        "one": ([sensors[0][0]], [sensors[0][1]]),
        "several": (sorted({site for site, _ in several}), [sensor for _, sensor in several]),
        "all": (None, None),
        "every sensor of a site": ([sensors[-1][0]], None),
        "no allValue": (sorted({site for site, _ in sensors}), [sensor for _, sensor in sensors]),
    }


def grouped(query):
    """The tags a query's answer is split by."""
    return set(re.findall(r'"(\w+)"', query.rpartition(" WHERE ")[2].partition("GROUP BY")[2]))


@pytest.mark.influxd
@pytest.mark.parametrize("choice", ["one", "several", "all", "every sensor of a site", "no allValue"])
def test_every_panel_answers_for_just_what_is_chosen(written, readings_panel, choice):
    panel = readings_panel
    (target,) = panel["targets"]
    query = target["query"]

    def rows(site, sensor):
        found = written.where(asked(query), site, sensor)
        return [row for row in found if row.reading.flags] if '"flags" > 0' in query else found

    site, sensor = choices(rows(None, None))[choice]
    interval, since = written.interval(panel, SHORTEST_WINDOW), panel.get("timeFrom", "")
    tables = written.ask(written.expand(query, site=site, sensor=sensor, interval=interval, since=since))
    chosen = rows(site, sensor)
    assert chosen
    tags = grouped(query)
    assert {(table.name, *table.tags.values()) for table in tables} == {
        (row.reading.quantity, *({"sensor": row.reading.sensor, "site": row.site}[tag] for tag in tags))
        for row in chosen
    }
    for table in tables:
        assert set(table.tags) == tags
        assert table.columns[0] == "time"
        assert any(isinstance(row[1], float | int) for row in table.values), table
        assert all(row[0] <= written.end_ms for row in table.values)


@pytest.mark.influxd
@pytest.mark.parametrize("site", [None, ["hon-gai"], ["hon-gai", "ha-tu"]], ids=["all", "one", "several"])
def test_every_panel_about_the_system_answers(written, vitals_panel, site):
    query = vitals_panel["targets"][0]["query"]
    interval = written.interval(vitals_panel, SHORTEST_WINDOW)
    tables = written.ask(written.expand(query, site=site, interval=interval))
    assert tables
    for number, column in enumerate(tables[0].columns[1:], 1):  # event-driven sensors have no period
        assert any(isinstance(row[number], float | int) for table in tables for row in table.values), column
    for table in tables:
        assert set(table.tags) == grouped(query)
        assert any(isinstance(cell, float | int) for row in table.values for cell in row[1:])
        if site and "site" in table.tags:
            assert table.tags["site"] in site


@pytest.mark.influxd
def test_gateways_are_offered_and_counted(written, column):
    (table,) = written.ask(written.expand(vital_queries.gateways(), site=["hon-gai"]))
    assert column(table, "value") == ["gw-hon-gai"]
    (offline,) = written.ask(written.expand(vital_queries.offline()))
    assert offline.values[0][1] == 0
    (silent,) = written.ask(written.expand(vital_queries.silent()))
    assert silent.values[0][1] == 1


@pytest.mark.influxd
@pytest.mark.parametrize("marks", ALL, ids=lambda one: one["target"]["query"])
@pytest.mark.parametrize("site", [None, ["hon-gai"], ["bai-chay", "hon-gai"]])
def test_annotations_have_their_columns_and_ends(written, column, marks, site):
    target = marks["target"]
    query = target["query"]
    assert query.count("$timeFilter") == 1  # Grafana replaces only the first
    (table,) = written.ask(written.expand(query, site=site, sensor=["hon-gai-co2-1"]))
    named = [
        target["textColumn"],
        target["titleColumn"],
        target["timeEndColumn"],
        *target["tagsColumn"].split(","),
    ]
    assert set(named) <= set(table.columns)
    texts, ends = column(table, "text"), sorted(end or 0 for end in column(table, "end_ms"))
    if marks["name"] == ANOMALIES:
        assert (texts, ends) == (["A spike.", "A spike."], [0, written.end_ms - 60_000])
    else:
        assert (texts, ends) == (["An alarm."], [0])


@pytest.mark.influxd
def test_marks_of_other_sites_and_sensors_are_not_drawn(written):
    for marks in (*OF_SITES, *OF_SENSOR):
        query = marks["target"]["query"]
        assert written.ask(written.expand(query, site=["bai-chay"], sensor=["hon-gai-co2"])) == []


@pytest.mark.influxd
def test_the_limit_drawn_over_noise_is_that_of_the_hour(written, column):
    query = vital_queries.limit_in_force("noise_level", 1)
    (table,) = written.ask(written.expand(query, site=["hon-gai"], interval="1m"))
    assert table.tags == {"site": "hon-gai"}
    for at_ms, value in zip(column(table, "time"), column(table, "last"), strict=True):
        hour = (at_ms // HOUR_MS + 7) % 24
        if at_ms % HOUR_MS:  # the first minute of an hour may still hold the last word of the one before
            assert value == (70.0 if 6 <= hour < 21 else 55.0)


@pytest.mark.influxd
def test_variables_offer_the_sites_and_their_sensors(written):
    def values(query):
        tables = written.ask(query)
        return {row[table.columns.index("value")] for table in tables for row in table.values}

    assert values(written.expand(queries.sites())) == {row.site for row in written.rows}
    for site in (None, ["bai-chay"], ["bai-chay", "hon-gai"]):
        assert values(written.expand(queries.sensors(), site=site)) == {
            row.reading.sensor for row in written.where("", site)
        }
    assert values(written.expand(queries.sensors(), site=["nowhere"])) == set()


@pytest.mark.influxd
@pytest.mark.parametrize("sensor", ["hon-gai-co2-1", "hon-gai-power-1", "hon-gai-air-1"])
def test_a_sensor_offers_what_it_measures(written, sensor):
    (table,) = written.ask(written.expand(queries.quantities(), sensor=[sensor]))
    assert table.columns == ["name"]
    measured = sorted({row.reading.quantity for row in written.where("", None, [sensor])})
    assert [name for (name,) in table.values] == measured
    repeated = written.expand(queries.each_quantity(), sensor=[sensor], others={"quantity": measured[:1]})
    (one,) = written.ask(repeated)
    assert (one.name, one.tags, one.columns) == (
        measured[0],
        {"sensor": sensor},
        ["time", "last", "min", "max"],
    )


@pytest.mark.influxd
@pytest.mark.parametrize("name", ["pm25", "noise_level", "wind_direction", "vehicle_count"])
def test_windows_equal_the_reference(written, column, name):
    function = quantity(name).aggregate
    wanted = {}
    for row in written.where(name):
        start = row.reading.observed_at // WINDOW_MS * WINDOW_MS
        wanted.setdefault((row.reading.sensor, start), []).append(row.reading.value)
    tables = written.ask(written.expand(queries.windows(name), interval="10m"))
    compared = 0
    for table in tables:
        for start, found in zip(column(table, "time"), column(table, table.columns[1]), strict=True):
            reference = aggregates.aggregate(function, wanted.pop((table.tags["sensor"], start), []))
            if reference is None or found is None:
                assert found is reference is None
            elif name == "wind_direction":
                assert abs((found - reference + 180) % 360 - 180) < 1e-6
                assert 0 <= found < 360
                compared += 1
            else:
                assert math.isclose(found, reference, rel_tol=1e-9)
                compared += 1
    assert not wanted
    assert compared > 6 * len(tables) - 1


@pytest.mark.influxd
def test_an_increase_is_what_a_counter_rose_by_between_resets(written, column):
    tables = written.ask(written.expand(queries.windows("energy"), interval="10m"))
    found = {table.tags["sensor"]: column(table, "sum") for table in tables}
    values = {}
    for row in written.where("energy"):
        values.setdefault(row.reading.sensor, []).append(row.reading.value)
    assert found.keys() == values.keys()
    assert "hon-gai-power-1" in found
    for sensor, rose in found.items():
        steps = [after - before for before, after in zip(values[sensor], values[sensor][1:], strict=False)]
        fell = min(steps) < 0
        assert fell == (sensor == "hon-gai-power-1")
        after_reset = aggregates.increase(values[sensor]) - math.fsum(step for step in steps if step >= 0)
        wanted = aggregates.increase(values[sensor]) - after_reset
        assert math.isclose(math.fsum(one or 0 for one in rose), wanted, rel_tol=1e-9)
        assert (after_reset > 0) == fell


@pytest.mark.influxd
def test_readings_are_counted_flagged_and_late_as_they_were_written(written, column):
    volume = written.ask(written.expand(queries.volume(), interval="5m"))
    assert {table.name: sum(column(table, "count")) for table in volume} == Counter(
        row.reading.quantity for row in written.rows
    )
    flagged = written.ask(written.expand(queries.flagged(), interval="5m"))
    counts = {(table.name, table.tags["sensor"]): sum(column(table, "count")) for table in flagged}
    assert counts == Counter((r.reading.quantity, r.reading.sensor) for r in written.rows if r.reading.flags)
    for table in written.ask(written.expand(queries.arrival())):
        rows = written.where(table.name, None, [table.tags["sensor"]])
        late = [row.late_s for row in rows if row.late_s is not None]
        assert table.values[0][1:] == [len(rows), len(late) or None, max(late, default=None)]


@pytest.mark.influxd
def test_nothing_late_and_nothing_flagged_is_an_answer_too(healthy):
    assert healthy.ask(healthy.expand(queries.flagged())) == []
    (table,) = healthy.ask(healthy.expand(queries.arrival()))
    assert table.values[0][1:] == [30, None, None]


@pytest.mark.influxd
def test_a_silent_sensor_is_seen_to_be_silent(written, column):
    heard = written.ask(written.expand(queries.heard(), sensor=["hon-gai-co2-1"], interval="1m"))
    assert {table.name for table in heard} == {"co2", "device_temperature"}
    for table in heard:
        counts = column(table, "count")
        assert set(counts[1:38]) == {3}
        assert set(counts[-18:]) == {0}
    (mean,) = written.ask(written.expand(queries.windows("co2"), sensor=["hon-gai-co2-1"]))
    assert set(column(mean, "mean")[-18:]) == {None}
    ages = {}
    for table in written.ask(written.expand(queries.last_heard())):
        ages[table.tags["sensor"]] = max(ages.get(table.tags["sensor"], 0), *column(table, "time"))
    newest = {row.reading.sensor: row.reading.observed_at for row in written.rows}
    assert ages == newest
    assert min(ages, key=ages.get) == "hon-gai-co2-1"


@pytest.mark.influxd
def test_the_newest_reading_is_the_newest(written):
    found = {t.tags["sensor"]: t.values for t in written.ask(written.expand(queries.newest("pm25")))}
    newest = {row.reading.sensor: row.reading for row in written.where("pm25")}
    assert found == {sensor: [[one.observed_at, one.value]] for sensor, one in newest.items()}


FORBIDDEN = re.compile(
    r"\b(SLIMIT|SOFFSET|INTO|HOLT_WINTERS\w*|SAMPLE|SHOW\s+SERIES|\w*CARDINALITY|EXPONENTIAL_MOVING_AVERAGE"
    r"|\w+_EXPONENTIAL_\w+|KAUFMANS_\w+|RELATIVE_STRENGTH_INDEX|CREATE|DROP|DELETE)\b|;|::",
    re.IGNORECASE,
)


def unfit(query):
    """What InfluxDB 3 Core, by its documentation, would not do with a query."""
    found = FORBIDDEN.search(query)
    if found:
        return found[0]
    statements = len(re.findall(r"\b(?:SELECT|SHOW)\b", query))
    bounds = query.count("$timeFilter") + query.count("time > now() - 24h") + query.count("SHOW MEASUREMENTS")
    return "" if bounds == statements else f"{statements} statements with {bounds} bounds of time"


@pytest.mark.parametrize(
    "query",
    [
        'SELECT mean("value") FROM "pm25"',
        'SELECT mean("x") FROM (SELECT "value" AS "x" FROM "pm25") WHERE $timeFilter',
        "SHOW SERIES WHERE $timeFilter",
        'SELECT mean("value") FROM "a" WHERE $timeFilter; SELECT mean("value") FROM "b" WHERE $timeFilter',
        'SELECT sample("value", 3) FROM "pm25" WHERE $timeFilter',
        'SELECT mean("value") INTO "x" FROM "pm25" WHERE $timeFilter',
        'SELECT mean("value") FROM "pm25" WHERE $timeFilter GROUP BY "sensor" slimit 3',
    ],
)
def test_the_lint_finds_what_is_unfit(query):
    assert unfit(query)


def test_every_query_is_fit_for_influxdb_3_core(panel):
    assert unfit(panel["targets"][0]["query"]) == ""


@pytest.mark.parametrize(
    "query",
    [
        queries.sites(),
        queries.sensors(),
        queries.quantities(),
        vital_queries.gateways(),
        vital_queries.anomalies(),
    ],
)
def test_every_variable_is_fit_for_influxdb_3_core(query):
    assert unfit(query) == ""


def test_a_quantity_that_is_not_in_the_catalogue_stops_the_rendering():
    for form in (queries.windows, queries.newest):
        with pytest.raises(UnknownQuantityError, match="pm2_5"):
            form("pm2_5")


@pytest.mark.parametrize("name", QUANTITIES)
def test_every_quantity_has_its_windows(name):
    assert f'FROM "{name}"' in queries.windows(name)
