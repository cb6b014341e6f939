"""Recognising what speaks by itself, in noise too; every chunking, and nothing from noise alone."""

import json
from pathlib import Path
from random import Random

import pytest

from edge.scanning.ear import Ear, period
from edge.scanning.found import Found

VECTORS = json.loads((Path(__file__).parents[2] / "vectors.json").read_text(encoding="utf-8"))
BY_ID = {vector["id"]: vector for vector in VECTORS}


def wire(identifier: str) -> bytes:
    vector = BY_ID[identifier]
    return bytes.fromhex(vector["hex"]) if "hex" in vector else vector["text"].encode() + b"\r\n"


def hear(*pieces: bytes, every_ms: int = 1000) -> Found | None:
    ear = Ear(9600, "8N1")
    for number, piece in enumerate(pieces):
        ear.feed(piece, number * every_ms)
    return ear.found()


@pytest.mark.parametrize(
    ("identifier", "protocol"),
    [("pms-m1", "pms5003"), ("pms-m13", "pms5003t"), ("sds-m1", "sds011"), ("nm-m1", "nmea0183")],
)
def test_captured_frames_are_recognised(identifier: str, protocol: str) -> None:
    frame = wire(identifier)
    if BY_ID[identifier]["protocol"] != protocol:
        pytest.fail(f"{identifier} is {BY_ID[identifier]['protocol']}")
    found = hear(frame, frame, frame)
    assert found is not None
    assert (found.protocol, found.baud, found.line, found.period_s) == (protocol, 9600, "8N1", 1.0)


def test_every_captured_pms_frame_is_the_right_model() -> None:
    heard = 0
    for vector in VECTORS:
        if vector["protocol"] in ("pms5003", "pms5003t", "pms3003") and vector["verdict"] == "accept":
            frame = wire(vector["id"])
            if (
                vector["direction"] == "from-device"
                and len(frame) in (24, 32)
                and vector["decoded"].get("n03") != 0
            ):
                found = hear(frame, frame)
                assert found is not None, vector["id"]
                assert found.protocol == vector["protocol"], vector["id"]
                heard += 1
    assert heard == 9


def test_it_is_found_between_noise_and_from_the_middle() -> None:
    frame, rng = wire("pms-m1"), Random(5)
    found = hear(frame[11:], rng.randbytes(20), *[frame[:9], frame[9:]] * 4)
    assert found is not None
    assert found.protocol == "pms5003"


def test_noise_alone_is_nothing() -> None:
    for seed in range(20):
        assert hear(*(Random(seed).randbytes(200) for _ in range(20))) is None


def test_one_frame_is_hope_and_no_proof() -> None:
    ear = Ear(9600, "8N1")
    ear.feed(wire("pms-m1"), 0)
    assert ear.found() is None
    assert ear.hopeful


def test_a_warm_up_is_waited_for() -> None:
    zeros = bytes.fromhex("424d001c") + bytes(26) + (0x42 + 0x4D + 0x1C).to_bytes(2, "big")
    ear = Ear(9600, "8N1")
    for at in range(3):
        ear.feed(zeros, at * 1000)
    assert ear.found() is None
    assert ear.hopeful


@pytest.mark.parametrize(
    ("lines", "protocol", "options"),
    [
        (
            ['{"t":21.5,"env":{"rh":48}}'],
            "line-ndjson",
            {"fields": {"temperature": {"path": "t"}, "humidity": {"path": "env.rh"}}},
        ),
        (["21.5,48,1013"], "line-delimited", {"delimiter": ","}),
        (
            ["T=21.5;XY=48"],
            "line-delimited",
            {"delimiter": ";", "kv": "=", "fields": {"temperature": {"path": "T"}}},
        ),
        (["c000s000g000t086r000p000h53b10020"], "line-delimited", {"aprs": True}),
    ],
)
def test_lines_of_boards(lines: list[str], protocol: str, options: dict[str, object]) -> None:
    found = hear(b"ready\r\n", *(line.encode() + b"\r\n" for line in lines * 3))
    assert found is not None
    assert (found.protocol, dict(found.options)) == (protocol, options)
    assert found.works is ("fields" in options or "aprs" in options)


def test_the_period_is_the_median() -> None:
    assert period([0, 1000, 2010, 2990, 9000]) == 1.0
    assert period([5]) == 1.0
    assert period([0, 10, 20]) == 0.1
