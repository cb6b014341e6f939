"""The outage of `make bench`, small: nothing is lost, what is new overtakes what has waited. Counts only, no rates."""

from pathlib import Path

import pytest

from bench import outage


@pytest.mark.influxd
@pytest.mark.mosquitto
def test_influxdb_goes_away_and_comes_back(tmp_path: Path) -> None:
    report = outage.run(
        tmp_path, gateways=4, packs_a_second=15, before_s=0.5, down_s=3.0, after_s=2.0, live_s=1.0
    )
    assert report.stored == report.readings == 4 * round(5.5 * 15) * 100
    assert report.waiting > 4 * 16 * 100  # more than all credit: the journals held it
    assert report.overtaken > 0
    assert report.rss_highest_mb - report.rss_before_mb < outage.BOUND_MB
