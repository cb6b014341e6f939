"""What of a batch goes into the book before it is acknowledged, and into the account and the trace after."""

import json
from collections.abc import Callable, Sequence
from typing import TextIO

import structlog

from ingest import checks
from ingest.account import Account
from ingest.batch import Batch
from storage.book import Book
from storage.store import Outcome
from telemetry.anomaly import Anomaly
from telemetry.manifest import Manifest
from telemetry.quarantine import Quarantined, Reason

log = structlog.get_logger(__name__)


class Records:
    """`trace` gets one JSON line per commit: {"at": ms, "packs": [[gateway, journal, seq], …]}."""

    def __init__(
        self, *, book: Book, account: Account, clock: Callable[[], int], trace: TextIO | None
    ) -> None:
        self._book, self._account, self._clock, self._trace = book, account, clock, trace

    def keep(
        self,
        quarantined: Sequence[Quarantined] = (),
        anomalies: Sequence[Anomaly] = (),
        manifests: Sequence[tuple[str, Manifest]] = (),
    ) -> None:
        """On disk when it returns. Of several states of one anomaly the last counts. Raises BookUnavailableError."""
        if quarantined:
            self._book.quarantine(quarantined, self._clock())
        if manifests:
            self._book.put_manifests(manifests, self._clock())
        if anomalies:
            self._book.put_anomalies({anomaly.id: anomaly for anomaly in anomalies}.values())

    def count(self, batch: Batch, outcome: Outcome) -> None:
        """The batch is settled."""
        account, now_ms = self._account, self._clock()
        account.commits += 1
        account.settled(
            batch.decoded,
            stored=outcome.stored,
            duplicate=outcome.duplicate + batch.repeated,
            quarantined=batch.refused + len(outcome.rejected),
        )
        live = batch.delays() <= checks.BACKLOG_MS
        account.latencies.extend((now_ms - batch.rows().observed_ms[live]).tolist())
        if self._trace is not None and batch.packs:
            try:
                self._trace.write(json.dumps({"at": now_ms, "packs": batch.packs}) + "\n")
            except OSError as error:  # a full disk: what is stored matters more than when
                log.warning("trace cannot be written", reason=str(error))


def refusals(batch: Batch, outcome: Outcome) -> list[Quarantined]:
    """What the store refused, with its words."""
    return [
        batch.set_aside(refused.index, checks.Fault(Reason.STORE_REFUSED, refused.reason))
        for refused in outcome.rejected
    ]
