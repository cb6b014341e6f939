"""What is worth keeping between requests: the inventory, and the newest readings as bytes."""

from collections.abc import Callable, Iterator, Mapping

from api.cost import Turns
from runtime.feed import Latest
from storage.book import Book
from storage.catalogue import Catalogue
from storage.inventory import SensorRow

Series = tuple[str, str]


class Newest:
    """The newest reading of every series, encoded once each, in the order of the series' names."""

    def __init__(self, encode: Callable[[Latest], bytes]) -> None:
        self._encode = encode
        self._order: list[Series] = []
        self._pieces: dict[Series, tuple[Latest, bytes]] = {}

    def pieces(self, latest: Mapping[Series, Latest]) -> Iterator[tuple[Latest, bytes]]:
        """Of these readings; series are added to the mapping, never taken out."""
        if len(self._order) != len(latest):
            self._order = sorted(latest)
        for series in self._order:
            found = latest[series]
            known = self._pieces.get(series)
            if known is None or known[0] is not found:
                known = self._pieces[series] = (found, self._encode(found))
            yield known


class Caches:
    """One for each application; it fills itself."""

    def __init__(self) -> None:
        self.turns = Turns()
        self.described: dict[str, tuple[SensorRow, bytes]] = {}  # by sensor: what of it seldom changes
        self._catalogue: Catalogue | None = None
        self._newest: dict[Callable[[Latest], bytes], Newest] = {}

    def catalogue(self, book: Book) -> Catalogue:
        """The inventory of the book."""
        if self._catalogue is None:
            self._catalogue = Catalogue(book)
        return self._catalogue

    def newest(self, encode: Callable[[Latest], bytes]) -> Newest:
        """The newest readings in this encoding."""
        return self._newest.setdefault(encode, Newest(encode))
