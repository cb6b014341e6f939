"""The page's measurement of `make bench`, small: real processes, a real browser, counts only, no times."""

from pathlib import Path

import pytest

from bench import page


@pytest.mark.mosquitto
async def test_a_frame_of_a_sensor_is_shown_and_the_first_view_asks_once(tmp_path: Path) -> None:
    seen = await page.measure(tmp_path, frames=4, period_s=0.6)
    assert seen.written == 4
    assert 1 <= len(seen.delays_ms) <= 4
    assert min(seen.delays_ms) > 0
    assert seen.questions == ["/v1/overview"]
    assert seen.page_bytes < 600_000
