"""The ledger against the simulator's own record: bad frames, a journal that was full, a gateway thrown away."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from firmware_sim.devices.pms5003 import MASSES
from firmware_sim.faults import Fault, FaultKind
from ingest.silence import Silence
from storage import retirement
from storage.book import Book
from storage.facts import KEEP_DAYS, note_facts
from storage.ledger import Figures, total
from storage.open import open_store
from telemetry import undatable
from telemetry.packs import encode_pack
from telemetry.reading import Reading
from telemetry.times import HOUR_MS
from telemetry.topics import PackName
from tests.contracts.ledger_city import (
    PERIOD_S,
    SITE,
    T0,
    Gateway,
    Hub,
    a_pack_each,
    dust_sensor,
    one_pack,
    radar,
)

HOURS = 5  # so long until a journal of 1 MB is full


@pytest.fixture
async def hub(address: str, tmp_path: Path) -> AsyncIterator[Hub]:
    store = open_store(address)
    await store.open()
    with Book(tmp_path / "book.sqlite") as book:
        yield Hub(store, book)
    await store.close()


async def test_bad_frames_are_missing_from_what_was_expected_and_nothing_is_lost(
    hub: Hub, tmp_path: Path
) -> None:
    gateway = Gateway(tmp_path, "a", faults=[Fault(None, FaultKind.GARBAGE, 600, 1800)])
    hub.book.register(gateway.birth(), T0)
    gateway.run(T0 + 2 * HOUR_MS + 120_000, one_pack)
    await gateway.deliver(hub)
    rows = await hub.ledger(gateway.now_ms)
    assert gateway.emitted[0, "spoiled"] > 100
    for hour in (0, 1):
        said = gateway.emitted[hour, "readings"]
        figures = rows["pm-a", hour].figures
        assert figures.expected == said + gateway.emitted[hour, "spoiled"] == 360 * len(MASSES)
        assert (figures.read, figures.accepted, figures.stored) == (said, said, said)
        assert (figures.lost, figures.pending, figures.given_up, figures.estimated) == (0, 0, 0, 0)
        assert figures.bad == gateway.emitted[hour, "bad"]
    assert rows["pm-a", 0].figures.bad > 0
    running = rows["pm-a", 2].figures  # its manifest is not told yet
    assert (running.estimated, running.read, running.expected) == (1, None, 12 * len(MASSES))
    assert running.stored == gateway.emitted[2, "readings"]
    gateway.end()
    await gateway.deliver(hub)
    told = (await hub.ledger(gateway.now_ms))["pm-a", 2].figures
    assert (told.estimated, told.read) == (0, gateway.emitted[2, "readings"])


async def test_what_a_full_journal_gave_up_is_lost_to_the_reading(hub: Hub, tmp_path: Path) -> None:
    gateway = Gateway(tmp_path, "b", max_mb=1)
    hub.book.register(gateway.birth(), T0)
    gateway.run(T0 + HOURS * HOUR_MS, a_pack_each)
    before = await hub.ledger(gateway.now_ms, HOURS)
    assert [before["pm-b", hour].figures.pending for hour in range(HOURS)] == [360 * len(MASSES)] * HOURS
    assert total(row.figures for row in before.values()).lost == 0
    gateway.end()
    await gateway.deliver(hub)
    assert gateway.journal.given_up > 500
    rows = await hub.ledger(gateway.now_ms, HOURS)
    stored = await hub.store.count_windows(T0, T0 + HOURS * HOUR_MS, window_ms=HOUR_MS)
    for hour in range(HOURS):
        said, figures = gateway.emitted[hour, "readings"], rows["pm-b", hour].figures
        here = stored.get(("pm-b", T0 + hour * HOUR_MS), 0)
        assert (figures.expected, figures.accepted, figures.stored) == (said, said, here)
        assert (figures.lost, figures.given_up, figures.pending) == (said - here, said - here, 0)
        assert figures.estimated == 0
    whole = total(row.figures for row in rows.values())
    assert 0 <= gateway.journal.given_up - whole.lost <= HOURS  # packs of manifests, told again


async def test_what_a_gateway_took_with_it_is_lost_once_it_is_retired_and_says_estimated(
    hub: Hub, tmp_path: Path
) -> None:
    gateway = Gateway(tmp_path, "c")
    hub.book.register(gateway.birth(), T0)
    gateway.run(T0 + HOUR_MS + 600_000, one_pack)
    await gateway.deliver(hub)
    died_ms = T0 + HOUR_MS + 1_800_000
    gateway.run(died_ms, one_pack)
    (tmp_path / "c.db").unlink()  # thrown away with its journal
    now_ms = T0 + 3 * HOUR_MS
    waiting = await hub.ledger(now_ms)
    assert [waiting["pm-c", hour].figures.lost for hour in range(3)] == [0, 0, 0]
    with hub.book.writing() as database:
        assert retirement.retire(database, "gw-c", died_ms, who="a test", now_ms=now_ms)
    rows = await hub.ledger(now_ms)
    whole, broken = rows["pm-c", 0].figures, rows["pm-c", 1].figures
    said = gateway.emitted[0, "readings"]
    assert whole == Figures(expected=said, read=said, accepted=said, stored=said, good=said)
    said = gateway.emitted[1, "readings"]
    assert (broken.estimated, broken.accepted, broken.read) == (1, None, None)
    assert (broken.expected, broken.stored) == (said, said // 3)
    assert (broken.lost, broken.pending) == (said - said // 3, 0)
    assert ("pm-c", 2) not in rows


async def test_of_a_gateway_that_was_shut_down_nothing_is_expected_meanwhile(
    hub: Hub, tmp_path: Path
) -> None:
    gateway = Gateway(tmp_path, "e")
    hub.book.register(gateway.birth(), T0)
    gateway.run(T0 + HOUR_MS // 2, one_pack)
    gateway.end()
    await gateway.deliver(hub)
    now_ms = T0 + HOUR_MS - 60_000
    said = gateway.emitted[0, "readings"]
    unknown = (await hub.ledger(now_ms))["pm-e", 0].figures
    assert (unknown.estimated, unknown.pending) == (1, 29 * 60 // PERIOD_S * len(MASSES))
    silence = Silence()
    silence.listen(T0)
    silence.gateway_left("gw-e", gateway.now_ms, orderly=True)
    (left,) = silence.check(now_ms, {}, {"gw-e": SITE.id})
    hub.book.put_anomaly(left)
    known = (await hub.ledger(now_ms))["pm-e", 0].figures
    assert known == Figures(expected=said, read=said, accepted=said, stored=said, good=said)


async def test_what_the_store_has_forgotten_is_not_lost(hub: Hub, tmp_path: Path) -> None:
    gateway = Gateway(tmp_path, "f")
    hub.book.register(gateway.birth(), T0)
    gateway.run(T0 + 2 * HOUR_MS, one_pack)
    gateway.end()
    await gateway.deliver(hub)
    note_facts(hub.book, {KEEP_DAYS: "1"})
    assert len(await hub.ledger(T0 + 24 * HOUR_MS - 2 * HOUR_MS)) == 3
    assert [hour for _, hour in await hub.ledger(T0 + 24 * HOUR_MS)] == [1, 2]


async def test_late_arrivals_correct_it_and_a_birth_takes_a_retirement_back(hub: Hub, tmp_path: Path) -> None:
    gateway = Gateway(tmp_path, "d")
    hub.book.register(gateway.birth(), T0)
    gateway.run(T0 + HOUR_MS, one_pack)
    gateway.end()
    said = gateway.emitted[0, "readings"]
    now_ms = T0 + 2 * HOUR_MS
    with hub.book.writing() as database:
        retirement.retire(database, "gw-d", T0 + HOUR_MS, who="a test", now_ms=now_ms)
    assert (await hub.ledger(now_ms))["pm-d", 0].figures.lost == said
    hub.book.register(gateway.birth(), now_ms)  # kept by the broker: not a sign of life
    assert (await hub.ledger(now_ms))["pm-d", 0].figures.lost == said
    hub.book.register(gateway.birth((1, 2)), now_ms)
    assert (await hub.ledger(now_ms))["pm-d", 0].figures.pending == said
    await gateway.deliver(hub)
    assert (await hub.ledger(now_ms))["pm-d", 0].figures == Figures(
        expected=said, read=said, accepted=said, stored=said, good=said
    )


async def test_a_run_with_everything_that_can_go_wrong_is_told_to_the_reading(
    hub: Hub, tmp_path: Path
) -> None:
    """Five hours of four gateways: each figure of each sensor's hour is what the simulator's record makes it."""
    trouble = [
        Fault("pm-a", FaultKind.GARBAGE, 600, 2400),
        Fault("pm-a", FaultKind.SILENCE, 5000, 1500),
        Fault("radar-a", FaultKind.SILENCE, 9000, 3000),
        Fault("pm-d", FaultKind.GARBAGE, 12_000, 4000),
    ]
    here = Gateway(tmp_path, "a", dust_sensor("pm-a", trouble), radar("radar-a", trouble))
    full = Gateway(tmp_path, "b", max_mb=1)
    doomed = Gateway(tmp_path, "c", faults=[Fault("pm-c", FaultKind.GARBAGE, 300, 900)])
    ahead = Gateway(tmp_path, "d", faults=trouble)  # its clock is two hours ahead in the third hour
    city = (here, full, doomed, ahead)
    for gateway in city:
        hub.book.register(gateway.birth(), T0)
    for hour in range(HOURS):
        until_ms = T0 + (hour + 1) * HOUR_MS
        here.run(until_ms - HOUR_MS // 3, one_pack)
        here.restart()  # a new life within the hour
        here.run(until_ms, one_pack)
        await here.deliver(hub, times=1 + hour % 2)
        full.run(until_ms, a_pack_each)  # its link is down
        ahead.run(until_ms, one_pack)
        await ahead.deliver(hub, behind_ms=2 * HOUR_MS if hour == 2 else 0)
        if hour == 0:
            doomed.run(until_ms + 600_000, one_pack)
            await doomed.deliver(hub)
            doomed.run(until_ms + 1_800_000, one_pack)
    (tmp_path / "c.db").unlink()  # thrown away with its journal
    died_ms, now_ms = T0 + HOUR_MS + 1_800_000, T0 + HOURS * HOUR_MS + 600_000
    with hub.book.writing() as database:
        assert retirement.retire(database, "gw-c", died_ms, who="a test", now_ms=now_ms)
    for gateway in (here, full, ahead):
        gateway.end()
        await gateway.deliver(hub)

    stored = await hub.store.count_windows(T0, T0 + HOURS * HOUR_MS, window_ms=HOUR_MS)
    wanted: dict[tuple[str, int], Figures] = {}
    for gateway in city:
        for device in gateway.devices:
            name, record = device.sensor.id, device.emitted
            for hour in range(HOURS):
                said, late = record[hour, "readings"], gateway.late[name, hour]
                due = said + record[hour, "spoiled"] if device.sensor.period_s else None
                bad = record[hour, "bad"]
                good = said if due else 0
                figures = Figures(due, said, bad, said, stored=said, good=good, late=late)
                if gateway is full:
                    there = stored.get((name, T0 + hour * HOUR_MS), 0)
                    gone = said - there
                    good = there if due else 0
                    figures = Figures(
                        due, said, bad, said, stored=there, good=good, late=late, given_up=gone, lost=gone
                    )
                elif gateway is ahead and hour == 2:
                    figures = Figures(due, said, bad, said, quarantined=said, late=late)
                elif gateway is doomed and hour == 1:  # twenty minutes of thirty went with its journal
                    figures = Figures(
                        due,
                        None,
                        0,
                        None,
                        stored=said // 3,
                        good=said // 3,
                        lost=said - said // 3,
                        estimated=1,
                    )
                elif gateway is doomed and hour > 1:
                    continue
                wanted[name, hour] = figures
    found = {key: row.figures for key, row in (await hub.ledger(now_ms, HOURS)).items()}
    assert {key: figures for key, figures in found.items() if figures != wanted.get(key)} == {}
    assert found.keys() == wanted.keys()

    lost = sum(found["pm-b", hour].lost for hour in range(HOURS))
    assert lost > 500
    assert 0 <= full.journal.given_up - lost <= HOURS  # packs of manifests, told again
    assert all(here.devices[0].emitted[hour, "spoiled"] > 100 for hour in (0, 1))
    assert here.devices[0].emitted[0, "bad"] > 50
    assert sum(here.devices[1].emitted[hour, "spoiled"] for hour in range(HOURS)) > 50


async def test_what_never_had_a_date_is_set_aside_and_its_hour_is_an_estimate(
    hub: Hub, tmp_path: Path
) -> None:
    gateway = Gateway(tmp_path, "g")
    hub.book.register(gateway.birth(), T0)
    gateway.run(T0 + HOUR_MS // 2, one_pack)
    gateway.end()
    await gateway.deliver(hub)
    said = gateway.emitted[0, "readings"]
    lost_time = [Reading("pm-g", "pm25", 10_000 * place, 5.0) for place in range(100)]
    latest = T0 + HOUR_MS - 60_000
    payload = undatable.encode(SITE.id, "45dd", (T0 + HOUR_MS // 2, latest), lost_time)
    await hub.take([(PackName("gw-g", "0123456789abcdef", 0), payload)], latest)
    found = (await hub.ledger(T0 + 2 * HOUR_MS))["pm-g", 0].figures
    assert (found.accepted, found.stored, found.quarantined) == (said, said, 100)
    assert (found.estimated, found.lost, found.expected) == (1, 0, 2 * said)
    assert found.pending == 2 * said - said - 100  # of what was due in the other half hour, by the period


async def test_readings_of_a_gateway_that_is_not_the_owner_hide_no_loss(hub: Hub, tmp_path: Path) -> None:
    gateway = Gateway(tmp_path, "h")
    hub.book.register(gateway.birth(), T0)
    gateway.run(T0 + HOUR_MS, one_pack)
    gateway.end()
    said = gateway.emitted[0, "readings"]
    fakes = [Reading("pm-h", "pm25", T0 + 10_000 * place, 5.0) for place in range(200)]
    await hub.take([(PackName("gw-x", "0123456789abcdef", 0), encode_pack(SITE.id, fakes))], gateway.now_ms)
    found = (await hub.ledger(T0 + 2 * HOUR_MS))["pm-h", 0].figures
    assert (found.stored, found.quarantined, found.pending, found.estimated) == (0, 200, said, 1)
    await gateway.deliver(hub)
    found = (await hub.ledger(T0 + 2 * HOUR_MS))["pm-h", 0].figures
    assert found == Figures(expected=said, read=said, accepted=said, stored=said, good=said, quarantined=200)
