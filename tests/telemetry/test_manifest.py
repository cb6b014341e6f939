"""Manifests in packs: plain SenML, whole after the way, apart from readings."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.manifest import COUNTS, MOST, Manifest
from telemetry.packcolumns import decode_columns
from telemetry.packs import MAX_READINGS, decode_pack, encode_manifests, encode_pack
from telemetry.quarantine import Reason
from telemetry.reading import Reading
from telemetry.senml import decode_cbor, decode_json
from telemetry.times import HOUR_MS

HOUR = 1_699_999_200_000
counts = st.integers(0, MOST - 1)
one_manifest = st.builds(
    Manifest,
    sensor=st.from_regex(r"[a-z0-9][a-z0-9-]{0,20}", fullmatch=True),
    hour_ms=st.integers(80_000, 500_000).map(lambda hours: hours * HOUR_MS),
    journal=st.from_regex(r"[0-9a-f]{16}", fullmatch=True),
    expected=st.none() | counts,
    **{count: counts for count in COUNTS if count != "expected"},
)


def key(manifest: Manifest) -> tuple[str, str, int]:
    return manifest.sensor, manifest.journal, manifest.hour_ms


@given(manifests=st.lists(one_manifest, min_size=1, max_size=20, unique_by=key), cbor=...)
def test_what_is_written_is_read(manifests: list[Manifest], cbor: bool) -> None:
    payload = encode_manifests("bai-chay", manifests, cbor=cbor)
    pack = decode_pack(payload)
    assert (pack.site, pack.readings, pack.bad) == ("bai-chay", (), ())
    assert list(pack.manifests) == manifests
    columns = decode_columns(payload)
    assert (len(columns), columns.manifests) == (0, pack.manifests)
    assert (
        len((decode_cbor if cbor else decode_json)(payload)) <= len(COUNTS) * len(manifests) <= MAX_READINGS
    )


def test_any_senml_reader_understands_it() -> None:
    manifest = Manifest(sensor="pm-1", hour_ms=HOUR, journal="0a1b", expected=0, read=5, accepted=5)
    records = decode_json(encode_manifests("bai-chay", [manifest]))
    assert [(record.name, record.unit, record.time, record.value) for record in records] == [
        ("pm-1/manifest/0a1b/read", "count", HOUR / 1000, 5.0),
        ("pm-1/manifest/0a1b/expected", "count", HOUR / 1000, 0.0),
        ("pm-1/manifest/0a1b/accepted", "count", HOUR / 1000, 5.0),
    ]


def test_readings_and_manifests_may_share_a_pack() -> None:
    reading = Reading("pm-1", "pm25", HOUR, 4.0)
    manifest = Manifest(sensor="pm-1", hour_ms=HOUR, journal="0a1b", read=5)
    both = json.loads(encode_pack("bai-chay", [reading])) + json.loads(encode_manifests("x", [manifest]))
    pack = decode_pack(json.dumps(both).encode())
    assert (pack.readings, pack.manifests, pack.bad) == ((reading,), (manifest,), ())


def test_a_count_of_a_newer_agent_is_passed_over() -> None:
    record = {"n": "pm-1/manifest/0a1b/retried", "t": HOUR / 1000, "v": 3, "site": "s"}
    pack = decode_pack(json.dumps([record]).encode())
    assert (pack.bad, pack.manifests) == ((), (Manifest(sensor="pm-1", hour_ms=HOUR, journal="0a1b"),))


@pytest.mark.parametrize(
    "spoiled",
    [
        {"v": -1},
        {"v": 1.5},
        {"v": MOST},
        {"u": "s"},
        {"t": HOUR / 1000 + 1},
        {"t": -5},
        {"v": None},
        {"n": "pm-1/manifest/xyz/read"},
        {"n": "PM-1/manifest/0a1b/read"},
    ],
)
def test_what_cannot_be_is_a_bad_record_and_hurts_no_other(spoiled: dict[str, Any]) -> None:
    good = {"n": "pm-1/manifest/0a1b/read", "t": HOUR / 1000, "v": 3}
    bad = {label: value for label, value in ({**good, **spoiled}).items() if value is not None}
    if "v" not in bad:
        bad["vb"] = True
    pack = decode_pack(json.dumps([{"site": "s", **good}, bad]).encode())
    (reason,) = [one.reason for one in pack.bad]
    assert reason in (Reason.BAD_RECORD, Reason.UNKNOWN_QUANTITY)
    assert [one.read for one in pack.manifests] == [3]
