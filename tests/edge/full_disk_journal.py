"""Run as a program: a file size limit stands for a full disk, and is lifted again. For test_hardship."""

import json
import resource
import sys
from pathlib import Path
from random import Random

import structlog.testing

from edge.journal import Journal
from edge.journalaccess import JournalUnavailableError
from edge.packing import pack
from telemetry.reading import Reading

LIMIT = 300_000
TRIES_WHEN_FULL = 3
MORE = 20


def main(path: Path) -> None:
    """Appends until the disk is full, insists, gets room, goes on; prints what was accepted and what was said."""
    rng, now_ms = Random(1), 1_700_000_000_000
    accepted: dict[str, str] = {}
    refused = 0
    readable = True

    def append() -> None:
        nonlocal now_ms
        now_ms += 1000
        readings = [Reading("pm-1", "pm25", now_ms + index, rng.random() * 1000) for index in range(100)]
        (new,) = pack("bai-chay", readings)
        (row,) = journal.append([new], now_ms)
        accepted[f"{row.journal}/{row.seq}"] = new.payload.decode()

    with structlog.testing.capture_logs() as logs:
        journal = Journal.open(path, clock=lambda: now_ms, rng=Random(1))
        resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, resource.RLIM_INFINITY))
        while refused < TRIES_WHEN_FULL:
            try:
                append()
            except JournalUnavailableError:
                refused += 1
                names = (name.split("/") for name in accepted)
                readable &= all(journal.payload(name, int(seq)) is not None for name, seq in names)
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        for _ in range(MORE):
            append()
        journal.close()
    events = [entry["event"] for entry in logs]
    print(
        json.dumps(
            {"refused": refused, "readable_when_full": readable, "events": events, "accepted": accepted}
        )
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
