"""Radars. Pure."""

from edge.decoding.report import Decoder, DecodeReport, Meta, report, stream
from edge.driver import Verdict
from edge.drivers import omnipresense


def _omnipresense(data: bytes, meta: Meta) -> DecodeReport:
    config = meta.get("config") or {}
    driver = omnipresense.ops243({name: config[name] for name in config if name in omnipresense.OPTIONS})
    text = data.decode("ascii", "replace")
    if meta.get("direction") == "to-device" or ("direction" not in meta and omnipresense.is_command(text)):
        return DecodeReport(Verdict.ACCEPT, omnipresense.decode_command(text), [])
    lines_in = [line for line in data.splitlines() if line.strip()]
    if len(lines_in) > 1:
        return stream(driver, data if data.endswith(b"\n") else data + b"\n")
    return report(driver.decode(lines_in[0] if lines_in else b""))


TRAFFIC: dict[str, Decoder] = {"ops243": _omnipresense}
