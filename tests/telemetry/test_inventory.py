"""Ids are safe wherever they go: topics, file names, line protocol, URLs."""

import pytest

from telemetry.inventory import check_id


@pytest.mark.parametrize("text", ["a", "0", "bai-chay-pm-1", "a" * 64, "a--"])
def test_good_ids(text: str) -> None:
    assert check_id(text) == text


@pytest.mark.parametrize(
    "text", ["", "-a", "A", "bãi", "a_b", "a.b", "a/b", "a b", "a\n", "\na", "a" * 65, "a+", "٣"]
)
def test_other_ids_are_named_in_the_refusal(text: str) -> None:
    with pytest.raises(ValueError, match="1-64 characters") as caught:
        check_id(text)
    assert repr(text) in str(caught.value)
    assert "\n" not in str(caught.value)
