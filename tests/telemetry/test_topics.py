"""Topics: what is built is understood, what is not ours is not."""

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry import topics
from telemetry.topics import DEFAULT_ROOT, PackName, gateway_of, parse_up, partition, up

IDS = st.from_regex(r"[a-z0-9][a-z0-9-]{0,63}", fullmatch=True)
JOURNALS = st.from_regex(r"[0-9a-f]{4,32}", fullmatch=True)
ROOTS = st.from_regex(r"[a-z0-9-]+(/[a-z0-9-]+){0,3}", fullmatch=True)


@given(root=ROOTS, site=IDS, name=st.builds(PackName, IDS, JOURNALS, st.integers(0, 10**18 - 1)))
def test_a_packs_topic_gives_back_its_name(root: str, site: str, name: PackName) -> None:
    topic = up(root, site, name)
    assert parse_up(root, topic) == (partition(site), name, None)
    assert not set(topic) & set("+#. ")
    assert len(topic.encode()) < 65_536


@given(name=st.builds(PackName, IDS, JOURNALS, st.integers(0, 10**18 - 1)), payload=st.binary(max_size=40))
def test_a_topic_with_its_checksum_gives_back_both(name: PackName, payload: bytes) -> None:
    parsed = parse_up("r", up("r", "bai-chay", name, payload))
    assert parsed == (partition("bai-chay"), name, topics.checksum(name, payload))


def test_a_checksum_is_what_other_programs_compute_and_guards_the_name_too() -> None:
    assert topics.checksum(PackName("1", "2", 3), b"456789") == f"{zlib.crc32(b'1/2/3456789'):08x}"
    assert topics.checksum(PackName("gw", "abcd", 1), b"x") != topics.checksum(
        PackName("gw", "abcd", 2), b"x"
    )


@given(site=st.text())
def test_a_partition_is_two_hex_digits_below_64(site: str) -> None:
    assert 0 <= int(partition(site), 16) < topics.PARTITIONS
    assert len(partition(site)) == 2


@pytest.mark.parametrize(("site", "crc"), [("", 0), ("a", 0xE8B7BE43), ("123456789", 0xCBF43926)])
def test_a_partition_is_the_crc_that_other_programs_compute(site: str, crc: int) -> None:
    """Check values of CRC-32 as in zlib and IEEE 802.3."""
    assert partition(site) == f"{crc % 64:02x}"


@pytest.mark.parametrize(
    "rest",
    [
        "up/0a/gw/abcd",
        "up/0a/gw/abcd/1/2",
        "up/0a/gw/abcd/1/0A0B0C0D",
        "up/0a/gw/abcd/1/0a0b0c0d/",
        "up/40/gw/abcd/1",
        "up/0A/gw/abcd/1",
        "up/0a/GW/abcd/1",
        "up/0a/-gw/abcd/1",
        "up/0a/gw/abc/1",
        "up/0a/gw/abcg/1",
        "up/0a/gw/abcd/01",
        "up/0a/gw/abcd/-1",
        "up/0a/gw/abcd/1\n",
        "up/0a/gw/abcd/١",
        "up/0a/gw/abcd/1000000000000000000",
        "ack/gw",
        "",
    ],
)
def test_what_is_no_pack_topic_is_none(rest: str) -> None:
    assert parse_up("halong/v1", f"halong/v1/{rest}") is None


def test_another_roots_topic_is_none() -> None:
    good = "up/0a/gw/abcd/1"
    assert parse_up("r", f"r/{good}") == ("0a", PackName("gw", "abcd", 1), None)
    assert parse_up("r", f"rr/{good}") is None
    assert parse_up("r", f"r/x/{good}") is None
    assert parse_up("r/x", f"r/{good}") is None


@pytest.mark.parametrize("branch", ["birth", "state", "ack", "do"])
def test_a_gateways_branches(branch: str) -> None:
    topic = getattr(topics, branch)(DEFAULT_ROOT, "gw-1")
    assert topic == f"halong/v1/{branch}/gw-1"
    assert gateway_of(DEFAULT_ROOT, branch, topic) == "gw-1"
    assert gateway_of(DEFAULT_ROOT, "other", topic) is None
    assert gateway_of("halong", branch, topic) is None
    assert gateway_of(DEFAULT_ROOT, branch, f"{topic}/x") is None
    assert gateway_of(DEFAULT_ROOT, branch, f"halong/v1/{branch}/") is None


def test_the_other_branches() -> None:
    assert topics.ingest("r") == "r/ingest/all"
    assert topics.ingest("r", "0a") == "r/ingest/0a"
    assert topics.alarm("r", "pm-1") == "r/alarm/pm-1"
