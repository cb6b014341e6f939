"""A power cut at any moment: whatever the disk kept of the unsynced writes, everything accepted is there.

Each world is a journal that lives several times: it works on a recorded disk, the power is cut at many moments, every
image is opened by the real journal on ordinary files, and one of the images is the disk of the next life.
"""

import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import pytest
import structlog.testing

from edge.journal import Journal, Key
from edge.packing import NewPack, pack
from telemetry.reading import Reading
from telemetry.times import DAY_MS
from tests.edge.powercut import Disk, Files, Recorder
from tests.thorough import TIMES

WORLDS = 6 * TIMES
LIVES, IMAGES, OPERATIONS = 3, 30, 60
START_MS = 1_700_000_000_000


class Kind(NamedTuple):
    """What a world is like: `readings` are the sizes of its packs, `does` what must change something in it."""

    keep_days: int
    max_mb: int
    readings: tuple[int, ...]
    weights: tuple[int, int, int, int]  # of append, acknowledge, resend, prune
    does: frozenset[str]


_ALL = frozenset({"append", "acknowledge", "resend", "gone"})
KINDS = (
    Kind(1, 64, (1, 20, 200, 800), (12, 4, 1, 1), _ALL | {"prune"}),
    Kind(60, 1, (800, 1000), (12, 4, 1, 1), _ALL),  # full: acknowledged packs go
    Kind(
        60, 1, (800, 1000), (1, 0, 0, 0), frozenset({"append", "given up", "gone"})
    ),  # full, and nobody hears
)


class State(NamedTuple):
    """What a journal holds: every pack, and which of them are acknowledged."""

    packs: frozenset[Key] = frozenset()
    acknowledged: frozenset[Key] = frozenset()


class Moment(NamedTuple):
    """After so many events the journal had answered, and held `state`."""

    events: int
    state: State


class Image(NamedTuple):
    """A disk after a power cut, and what the journal held before and after the operation that it struck."""

    files: Files
    before: State
    after: State


class Outcome(NamedTuple):
    """What the journal makes of an image: what it holds, how many wait, which packs are lost, what it says."""

    state: State
    waiting: int
    lost: frozenset[Key]
    said: tuple[str, ...]


class Hasty(sqlite3.Connection):
    """Does not wait for the disk: nobody cuts the power while an image is looked at."""

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> sqlite3.Cursor:
        return super().execute(statement.replace("synchronous = FULL", "synchronous = OFF"), parameters)


def held_by(journal: Journal) -> State:
    """Reads every page of every pack: damage that opening did not find is found here."""
    query = "SELECT journal, seq, acknowledged_ms, payload FROM packs"
    rows = journal._file.transact(lambda db: db.execute(query).fetchall())
    acknowledged = frozenset((row[0], row[1]) for row in rows if row[2] is not None)
    return State(frozenset((row[0], row[1]) for row in rows), acknowledged)


class World:
    """A seeded workload on the real journal.

    `payloads` knows every pack that was ever formed, by its name; `done` counts what the operations changed.
    """

    def __init__(self, seed: int, synchronous: str = "FULL") -> None:
        self.rng, self.synchronous = Random(seed), synchronous
        self.now_ms = START_MS
        self.payloads: dict[Key, bytes] = {}
        self.done: Counter[str] = Counter()
        self.kind = KINDS[seed % len(KINDS)]

    def open(self, path: Path, connect: Callable[[Path], sqlite3.Connection]) -> Journal:
        journal = Journal(
            path,
            clock=lambda: self.now_ms,
            rng=Random(self.rng.random()),
            keep_days=self.kind.keep_days,
            max_mb=self.kind.max_mb,
            connect=connect,
        )
        journal.begin()
        return journal

    def live(self, path: Path, recorder: Recorder, operations: int = OPERATIONS) -> Iterator[Moment]:
        """Work on the recorded disk; a Moment for every answer."""
        connect = partial(recorder.connect, synchronous=self.synchronous)
        journal = self.open(path, connect)
        state = held_by(journal)
        for _ in range(operations):
            self.now_ms += self.rng.randrange(DAY_MS // 40)
            if self.rng.random() < 0.05:
                self.done["given up"] += journal.given_up
                journal.close()
                journal = self.open(path, connect)
            added, before, state = self._work(journal), state, held_by(journal)
            assert added <= state.packs
            self.done["gone"] += len(before.packs - state.packs)
            yield Moment(len(recorder.events), state)
        self.done["given up"] += journal.given_up
        journal.close()

    def cuts(self, files: Files, state: State, path: Path) -> Iterator[Image]:
        """One life that begins with `files`, and IMAGES power cuts in it, in the order of time."""
        lay(files, path.parent)
        recorder = Recorder(path.parent)
        moments = [Moment(0, state), *self.live(path, recorder)]
        disk, done, current = Disk(recorder.files), 0, 0
        for cut in sorted(self.rng.choices(range(len(recorder.events) + 1), k=IMAGES)):
            for event in recorder.events[done:cut]:
                disk.happen(event)
            done = cut
            while current + 1 < len(moments) and moments[current + 1].events <= cut:
                current += 1
            later = moments[min(current + 1, len(moments) - 1)]
            yield Image(disk.image(self.rng), moments[current].state, later.state)

    def outcome(self, image: Image, path: Path) -> Outcome:
        """Open the image with the real journal on ordinary files; and see that collecting goes on."""
        lay(image.files, path.parent)
        connect = partial(sqlite3.connect, factory=Hasty)
        with structlog.testing.capture_logs() as logs:
            journal = self.open(path, connect)
            state, waiting = held_by(journal), journal.waiting()
            found = {key: journal.payload(*key) for key in state.packs}
            sound = {key: payload for key, payload in found.items() if payload is not None}
            assert sound.items() <= self.payloads.items(), "a pack that nobody formed"
            said = tuple(entry["event"] for entry in logs)
            added = self.append(journal, 1)
            journal.close()
            journal = self.open(path, connect)
            assert all(journal.payload(*key) == self.payloads[key] for key in added)
            journal.close()
        lost = (image.before.packs & image.after.packs) - sound.keys()
        return Outcome(state, waiting, lost, said)

    def append(self, journal: Journal, count: int) -> set[Key]:
        """Packs of every size; their names."""
        new = [self._pack() for _ in range(count)]
        names = [(row.journal, row.seq) for row in journal.append(new, self.now_ms)]
        assert not self.payloads.keys() & set(names), "a name used twice"
        self.payloads.update(zip(names, (one.payload for one in new), strict=True))
        return set(names)

    def _work(self, journal: Journal) -> set[Key]:
        task = self.rng.choices(("append", "acknowledge", "resend", "prune"), self.kind.weights)[0]
        match task:
            case "append":
                added = self.append(journal, self.rng.randint(1, 3))
                self.done[task] += len(added)
                return added
            case "acknowledge":
                waiting = [row[:2] for row in journal.backlog(self.now_ms + 1, 1000, ())]
                for name, seq in self.rng.sample(waiting, self.rng.randint(0, len(waiting))):
                    self.done[task] += journal.acknowledge({name: [(seq, seq)]}, self.now_ms)
            case "resend":
                self.done[task] += journal.resend(self.now_ms - DAY_MS // 4, self.now_ms)
            case "prune":
                self.done[task] += journal.prune(self.now_ms)
        return set()

    def _pack(self) -> NewPack:
        count = self.rng.choice(self.kind.readings)
        readings = [
            Reading("pm-1", "pm25", self.now_ms + index, self.rng.random() * 1000) for index in range(count)
        ]
        return pack("bai-chay", readings)[0]


def lay(files: Files, directory: Path) -> None:
    """Make `directory` hold exactly `files`."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir()
    for name, content in files.items():
        (directory / name).write_bytes(content)


def power_cuts(world: World, directory: Path, lives: int = LIVES) -> Iterator[tuple[Image, Outcome]]:
    """So many lives of IMAGES power cuts each."""
    files: Files = {}
    state = State()
    for life in range(lives):
        seen = []
        for image in list(world.cuts(files, state, directory / f"life-{life}" / "journal.db")):
            outcome = world.outcome(image, directory / "image" / "journal.db")
            seen.append((image.files, outcome.state))
            yield image, outcome
        files, state = world.rng.choice(seen)


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", range(WORLDS))
def test_everything_accepted_survives_a_power_cut(seed: int, tmp_path: Path) -> None:
    for image, outcome in power_cuts(World(seed), tmp_path):
        assert outcome.lost == set()
        assert outcome.said == ()
        assert outcome.waiting == len(outcome.state.packs - outcome.state.acknowledged)
        assert outcome.state.packs <= image.before.packs | image.after.packs
        assert outcome.state.acknowledged <= image.before.acknowledged | image.after.acknowledged


@pytest.mark.parametrize("seed", range(len(KINDS)))
def test_the_worlds_do_what_a_journal_does(seed: int, tmp_path: Path) -> None:
    world, recorder = World(seed), Recorder(tmp_path)
    assert list(world.live(tmp_path / "journal.db", recorder, LIVES * OPERATIONS))
    assert {name for name, number in world.done.items() if number} == world.kind.does


@pytest.mark.parametrize(
    ("synchronous", "said"), [("NORMAL", set()), ("OFF", {"journal damaged, set aside"})]
)
def test_without_an_fsync_packs_are_lost_and_this_test_tells(
    synchronous: str, said: set[str], tmp_path: Path
) -> None:
    outcomes = [outcome for _, outcome in power_cuts(World(1, synchronous), tmp_path, lives=1)]
    assert any(outcome.lost for outcome in outcomes)
    assert {event for outcome in outcomes for event in outcome.said} == said
