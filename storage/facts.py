"""What the hub says of itself in its book, for the commands that work beside it."""

from storage.book import Book

STORE_FILE = "store_file"  # of the embedded store, in the data directory; "" with InfluxDB
KEEP_DAYS = "keep_days"  # how long the store keeps readings; 0: for ever, or InfluxDB decides


def note_facts(book: Book, told: dict[str, str]) -> None:
    """Replace these facts; may raise BookUnavailableError."""
    with book.writing() as database:
        database.executemany("INSERT OR REPLACE INTO facts VALUES (?, ?)", told.items())


def facts(book: Book) -> dict[str, str]:
    """All of them; may raise BookUnavailableError."""
    with book.reading() as database:
        return dict(database.execute("SELECT name, value FROM facts").fetchall())
