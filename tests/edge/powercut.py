"""What a disk may hold after a power cut: a VFS that records what SQLite does, and images of every state it allows.

Nothing is durable before an xSync of its file. What was written since then may be there whole, torn at 512 bytes or not
at all, in any order; a file may have grown without its data; a file that was made or deleted since the directory was
last synced may be missing or still there. A write never harms the bytes beside it (SQLite's powersafe overwrite, which
its unix VFS assumes too), and the -shm file is memory. apsw brings an SQLite of its own: `Recorder.connect` gives a
connection with the few methods of sqlite3.Connection that the journal uses.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from random import Random
from typing import Any, NamedTuple, Self

import apsw

SECTOR = 512
# Unix VFS: at the first sync of a new one.
_SYNCS_DIRECTORY = apsw.SQLITE_OPEN_WAL | apsw.SQLITE_OPEN_MAIN_JOURNAL
Files = dict[str, bytes]


class Made(NamedTuple):
    """A file appeared in the directory; its first sync also syncs the directory when `syncs_directory`."""

    name: str
    number: int
    syncs_directory: bool


class Wrote(NamedTuple):
    """Bytes went into file `number`."""

    number: int
    offset: int
    data: bytes


class Truncated(NamedTuple):
    """File `number` was cut."""

    number: int
    size: int


class Synced(NamedTuple):
    """File `number` is durable as it is."""

    number: int


class Deleted(NamedTuple):
    """A name was taken out of the directory; `synced`: and the directory is durable."""

    name: str
    synced: bool


Change = Wrote | Truncated
Event = Made | Change | Synced | Deleted


class Fate(NamedTuple):
    """How hostile an image is: the chances that an unsynced change is dropped and torn, and whether order is kept."""

    dropped: float
    torn: float
    reordered: bool


class _File:
    def __init__(self, content: bytes = b"", *, syncs_directory: bool = False) -> None:
        self.durable = bytearray(content)
        self.pending: list[Change] = []
        self.syncs_directory = syncs_directory

    def sync(self) -> None:
        for change in self.pending:
            _apply(self.durable, change)
        self.pending.clear()

    def survivor(self, fate: Fate, rng: Random) -> bytes:
        content = bytearray(self.durable)
        for cutting, group in groupby(self.pending, lambda change: isinstance(change, Truncated)):
            changes = list(group)
            if fate.reordered and not cutting:
                rng.shuffle(changes)
            for change in changes:
                for left in _left_of(change, fate, rng, len(content)):
                    _apply(content, left)
        return bytes(content)


class Disk:
    """The directory of a journal, as far as a power cut is concerned. `files` is its durable beginning."""

    def __init__(self, files: Files) -> None:
        self._files = {number: _File(content) for number, content in enumerate(files.values())}
        self._names: dict[str, list[int | None]] = {name: [number] for number, name in enumerate(files)}

    def happen(self, event: Event) -> None:
        """Take in what SQLite did next."""
        match event:
            case Made(name, number, syncs_directory):
                self._files[number] = _File(syncs_directory=syncs_directory)
                self._names.setdefault(name, [None]).append(number)
            case Wrote(number) | Truncated(number):
                self._files[number].pending.append(event)
            case Synced(number):
                file = self._files[number]
                file.sync()
                if file.syncs_directory:
                    file.syncs_directory = False
                    self._sync_directory()
            case Deleted(name, synced):
                self._names[name].append(None)
                if synced:
                    self._sync_directory()

    def image(self, rng: Random) -> Files:
        """One of the states in which a power cut may leave the directory now."""
        fate = Fate(rng.choice((0, 0.1, 0.5, 0.9, 1)), rng.choice((0, 0.1, 0.5, 1)), rng.random() < 0.5)
        chosen = {name: rng.choice(history) for name, history in self._names.items()}
        return {
            name: self._files[number].survivor(fate, rng)
            for name, number in chosen.items()
            if number is not None
        }

    def _sync_directory(self) -> None:
        for history in self._names.values():
            del history[:-1]


def _apply(content: bytearray, change: Change) -> None:
    if isinstance(change, Truncated):
        del content[change.size :]
        return
    content.extend(bytes(max(0, change.offset - len(content))))
    content[change.offset : change.offset + len(change.data)] = change.data


def _left_of(change: Change, fate: Fate, rng: Random, size: int) -> Iterator[Change]:
    """What reached the disk of an unsynced change: all, nothing, some sectors, or only that the file grew."""
    if rng.random() >= fate.dropped:
        if isinstance(change, Wrote) and rng.random() < fate.torn:
            yield from (sector for sector in _sectors(change) if rng.random() < 0.5)
        else:
            yield change
    elif isinstance(change, Wrote) and change.offset >= size and rng.random() < 0.2:
        length = len(change.data)
        yield change._replace(data=rng.choice((bytes(length), rng.randbytes(length))))


def _sectors(change: Wrote) -> Iterator[Wrote]:
    start = 0
    while start < len(change.data):
        end = start + SECTOR - (change.offset + start) % SECTOR
        yield change._replace(offset=change.offset + start, data=change.data[start:end])
        start = end


class _RecordingFile(apsw.VFSFile):
    def __init__(
        self, recorder: "Recorder", number: int, name: str | apsw.URIFilename, flags: list[int]
    ) -> None:
        super().__init__("", name, flags)
        self._recorder, self._events, self._number = recorder, recorder.events, number

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        if self._recorder.full:
            raise apsw.FullError("no space left on device")
        super().xWrite(data, offset)
        self._events.append(Wrote(self._number, offset, bytes(data)))

    def xTruncate(self, newsize: int) -> None:  # noqa: N802
        super().xTruncate(newsize)
        self._events.append(Truncated(self._number, newsize))

    def xSync(self, flags: int) -> None:  # noqa: N802
        self._events.append(Synced(self._number))


class Recorder(apsw.VFS):
    """Records what happens to the database files in `directory` from now on; `files` is what is there already."""

    def __init__(self, directory: Path) -> None:
        self.files: Files = {path.name: path.read_bytes() for path in sorted(directory.iterdir())}
        self.events: list[Event] = []
        self.full = False  # True: no write succeeds
        self._numbers = {name: number for number, name in enumerate(self.files)}
        self._next = len(self._numbers)
        self._name = f"recorder-{id(self)}"
        super().__init__(self._name, "")

    def connect(self, path: Path, synchronous: str = "FULL") -> sqlite3.Connection:
        """A connection whose files are recorded; `synchronous` is what it makes of a wish for FULL."""
        db = apsw.Connection(str(path), vfs=self._name)
        return Connection(db, synchronous)  # type: ignore[return-value]

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802
        if name is None:  # a temporary file
            return apsw.VFSFile("", name, flags)
        file = Path(name if isinstance(name, str) else name.filename()).name
        if file not in self._numbers:
            self._numbers[file] = self._next
            self.events.append(Made(file, self._next, bool(flags[0] & _SYNCS_DIRECTORY)))
            self._next += 1
        return _RecordingFile(self, self._numbers[file], name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802
        super().xDelete(filename, False)
        name = Path(filename).name
        if self._numbers.pop(name, None) is not None:
            self.events.append(Deleted(name, syncdir))


class _Rows:
    def __init__(self, cursor: apsw.Cursor, rowcount: int) -> None:
        self._cursor, self.rowcount = cursor, rowcount

    def __iter__(self) -> Iterator[Any]:
        return iter(self.fetchall())

    def fetchone(self) -> Any:
        with _errors_of_sqlite3():
            return self._cursor.fetchone()

    def fetchall(self) -> list[Any]:
        with _errors_of_sqlite3():
            return list(self._cursor.fetchall())


class Connection:
    """An apsw connection with what the journal uses of sqlite3.Connection, implicit transactions and errors included."""

    def __init__(self, db: apsw.Connection, synchronous: str) -> None:
        self._db, self._synchronous = db, synchronous

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> _Rows:
        if statement == "PRAGMA synchronous = FULL":
            statement = f"PRAGMA synchronous = {self._synchronous}"
        return self._run(statement, lambda: self._db.execute(statement, parameters))

    def executemany(self, statement: str, rows: Iterable[Sequence[Any]]) -> _Rows:
        return self._run(statement, lambda: self._db.executemany(statement, rows))

    def executescript(self, script: str) -> None:
        with _errors_of_sqlite3():
            self._db.execute(script)

    def close(self) -> None:
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        with _errors_of_sqlite3():
            if self._db.in_transaction:
                self._db.execute("COMMIT" if kind is None else "ROLLBACK")

    def _run(self, statement: str, work: Callable[[], apsw.Cursor]) -> _Rows:
        changes = statement.lstrip().upper().startswith(("INSERT", "UPDATE", "DELETE", "REPLACE"))
        with _errors_of_sqlite3():
            if changes and not self._db.in_transaction:
                self._db.execute("BEGIN")
            before = self._db.total_changes()
            cursor = work()
            return _Rows(cursor, self._db.total_changes() - before if changes else -1)


@contextmanager
def _errors_of_sqlite3() -> Iterator[None]:
    try:
        yield
    except apsw.Error as error:
        damaged = isinstance(error, apsw.CorruptError | apsw.NotADBError)
        translated = (sqlite3.DatabaseError if damaged else sqlite3.OperationalError)(str(error))
        # the full disk of `Recorder.full` comes back as it was raised, without a number
        translated.sqlite_errorcode = getattr(error, "extendedresult", apsw.SQLITE_FULL)
        raise translated from error
