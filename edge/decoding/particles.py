"""Particle sensors whose frames need to be told which way they go. Pure."""

from contextlib import suppress

from edge.decoding.report import Decoder, DecodeReport, Meta, one_or_stream, report
from edge.driver import BadFrameError
from edge.drivers import sensirion


def _sps30(data: bytes, meta: Meta) -> DecodeReport:
    driver = sensirion.Sps30()
    if meta.get("direction") in ("to-device", "from-device"):
        to_device = meta["direction"] == "to-device"
        with suppress(BadFrameError):
            return report(driver.decode_content(sensirion.unstuff(data), to_device))
    return one_or_stream(driver, data, meta)


PARTICLES: dict[str, Decoder] = {"sps30": _sps30}
