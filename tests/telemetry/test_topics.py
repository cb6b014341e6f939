"""Topics: what is built is understood, what is not ours is not."""

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
    assert parse_up(root, topic) == (partition(site), name)
    assert not set(topic) & set("+#. ")
    assert len(topic.encode()) < 65_536


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
    assert parse_up("r", f"r/{good}") == ("0a", PackName("gw", "abcd", 1))
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
