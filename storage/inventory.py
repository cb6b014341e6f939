"""The inventory's pages of the book: who owns which sensor since when. Used inside one of the book's transactions."""

import sqlite3

import msgspec

from telemetry.inventory import Sensor, Site
from telemetry.messages import Birth, State

UNKNOWN_PROTOCOL = "unknown"  # of a sensor registered by its first reading


class GatewayRow(msgspec.Struct, frozen=True):
    """A gateway; `session` is the newest of its birth and state, `site` "" until it is known."""

    id: str
    site: str
    session: tuple[int, int] | None
    state: State | None
    last_seen_ms: int | None


class SensorRow(Sensor, frozen=True, kw_only=True):
    """A sensor with its place; `since_ms` is when this gateway first described it this way."""

    site: str
    gateway: str
    since_ms: int


class SensorPeriod(msgspec.Struct, frozen=True):
    """A time in which a gateway owned a sensor and described it the same way; `until_ms` None: still.

    `retired_ms`: when the gateway stopped listing it, `adopted`: no birth has listed it.
    """

    sensor: Sensor
    site: str
    gateway: str
    since_ms: int
    until_ms: int | None
    retired_ms: int | None
    adopted: bool


class Inventory:
    """Statements over one open transaction; the contracts are those of the Book's methods."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def register(self, birth: Birth, now_ms: int) -> list[str]:
        known = self._birth(birth.gateway)
        if known is not None and birth.session < known.session:
            return []
        if self._is_retired(birth.gateway):
            if known is not None and birth.session == known.session:
                return []  # the broker had kept it
            self._database.execute("DELETE FROM retired WHERE gateway = ?", (birth.gateway,))
        self._database.execute(
            "INSERT OR REPLACE INTO sites VALUES (?, ?)", (birth.site.id, msgspec.json.encode(birth.site))
        )
        self._database.execute(
            "INSERT INTO gateways (id, site, birth, last_seen_ms) VALUES (?, ?, ?, ?) ON CONFLICT (id) DO UPDATE"
            " SET site = excluded.site, birth = excluded.birth, last_seen_ms = excluded.last_seen_ms",
            (birth.gateway, birth.site.id, msgspec.json.encode(birth), now_ms),
        )
        refused = [sensor.id for sensor in birth.sensors if not self._claim(sensor, birth, now_ms)]
        listed = [sensor.id for sensor in birth.sensors]
        self._database.execute(
            "UPDATE sensors SET retired_ms = ? WHERE gateway = ? AND until_ms IS NULL AND retired_ms IS NULL"
            f" AND NOT adopted AND sensor NOT IN ({','.join('?' * len(listed))})",
            (now_ms, birth.gateway, *listed),
        )
        return refused

    def _claim(self, sensor: Sensor, birth: Birth, now_ms: int) -> bool:
        content = msgspec.json.encode(sensor)
        row = self._database.execute(
            "SELECT gateway, site, content, adopted, retired_ms FROM sensors WHERE sensor = ? AND until_ms IS NULL",
            (sensor.id,),
        ).fetchone()
        if row is not None:
            gateway = row[0]
            if gateway != birth.gateway and not self._is_free(sensor.id, gateway):
                return False
            if row == (birth.gateway, birth.site.id, content, 0, None):
                return True
        since_ms = self._installed(sensor, now_ms)
        self._begin(sensor.id, birth.gateway, birth.site.id, content, adopted=False, now_ms=since_ms)
        return True

    def _installed(self, sensor: Sensor, now_ms: int) -> int:
        """When a replaced device took over: the date of its installation when that is new and inside the period that ends."""
        row = self._database.execute(
            "SELECT since_ms, retired_ms, content FROM sensors WHERE sensor = ? AND until_ms IS NULL",
            (sensor.id,),
        ).fetchone()
        at_ms = sensor.installed_ms
        if row is None or at_ms is None or row[1] is not None:
            return now_ms
        known = msgspec.json.decode(row[2], type=Sensor)
        is_new = (known.serial, known.installed_ms) != (sensor.serial, at_ms)
        return at_ms if is_new and row[0] < at_ms < now_ms else now_ms

    def claims(self) -> dict[str, tuple[str, str, tuple[str, ...]]]:
        owners = {
            sensor: (gateway, site)
            for sensor, gateway, site in self._database.execute(
                "SELECT sensor, gateway, site FROM sensors WHERE until_ms IS NULL AND retired_ms IS NULL"
            )
        }
        found: dict[str, list[str]] = {}
        for birth in self.births():
            if not self._is_retired(birth.gateway):
                for sensor in birth.sensors:
                    if sensor.id in owners and owners[sensor.id][0] != birth.gateway:
                        found.setdefault(sensor.id, []).append(birth.gateway)
        return {sensor: (*owners[sensor], tuple(sorted(names))) for sensor, names in found.items()}

    def _is_free(self, sensor: str, owner: str) -> bool:
        """Whether the owner's newest birth no longer lists it; an owner without any birth keeps it."""
        if self._is_retired(owner):
            return True
        birth = self._birth(owner)
        return birth is not None and all(listed.id != sensor for listed in birth.sensors)

    def _begin(
        self, sensor: str, gateway: str, site: str, content: bytes, *, adopted: bool, now_ms: int
    ) -> None:
        self._database.execute(
            "UPDATE sensors SET until_ms = ? WHERE sensor = ? AND until_ms IS NULL", (now_ms, sensor)
        )
        self._database.execute(
            "INSERT INTO sensors (sensor, since_ms, gateway, site, adopted, content) VALUES (?, ?, ?, ?, ?, ?)",
            (sensor, now_ms, gateway, site, adopted, content),
        )

    def _is_retired(self, gateway: str) -> bool:
        row = self._database.execute("SELECT 1 FROM retired WHERE gateway = ?", (gateway,)).fetchone()
        return row is not None

    def births(self) -> list[Birth]:
        rows = self._database.execute(
            "SELECT birth FROM gateways WHERE birth IS NOT NULL ORDER BY id"
        ).fetchall()
        return [msgspec.json.decode(birth, type=Birth) for (birth,) in rows]

    def periods(self, start_ms: int, end_ms: int, sensor: str | None = None) -> list[SensorPeriod]:
        rows = self._database.execute(
            "SELECT content, site, gateway, since_ms, until_ms, retired_ms, adopted FROM sensors"
            " WHERE since_ms < ? AND (until_ms IS NULL OR until_ms > ?) AND (retired_ms IS NULL OR retired_ms > ?)"
            " AND (? IS NULL OR sensor = ?) ORDER BY sensor, since_ms, rowid",
            (end_ms, start_ms, start_ms, sensor, sensor),
        ).fetchall()
        return [
            SensorPeriod(
                msgspec.json.decode(content, type=Sensor), site, gateway, since, until, retired, bool(adopted)
            )
            for content, site, gateway, since, until, retired, adopted in rows
        ]

    def _birth(self, gateway: str) -> Birth | None:
        row = self._database.execute("SELECT birth FROM gateways WHERE id = ?", (gateway,)).fetchone()
        return msgspec.json.decode(row[0], type=Birth) if row and row[0] else None

    def adopt(self, sensor: str, gateway: str, site: str, quantity: str, now_ms: int) -> bool:
        self._database.execute("INSERT OR IGNORE INTO gateways (id, site) VALUES (?, ?)", (gateway, site))
        self._database.execute("UPDATE gateways SET site = ? WHERE id = ? AND site = ''", (site, gateway))
        row = self._database.execute(
            "SELECT gateway, content FROM sensors WHERE sensor = ? AND until_ms IS NULL", (sensor,)
        ).fetchone()
        if row is None:
            found = Sensor(sensor, UNKNOWN_PROTOCOL, (quantity,))
            self._begin(sensor, gateway, site, msgspec.json.encode(found), adopted=True, now_ms=now_ms)
            return True
        if row[0] != gateway:
            return False
        known = msgspec.json.decode(row[1], type=Sensor)
        if quantity not in known.quantities:
            wider = msgspec.structs.replace(known, quantities=(*known.quantities, quantity))
            self._database.execute(
                "UPDATE sensors SET content = ? WHERE sensor = ? AND until_ms IS NULL",
                (msgspec.json.encode(wider), sensor),
            )
        return True

    def record_state(self, state: State, now_ms: int) -> bool:
        row = self._database.execute(
            "SELECT birth, state FROM gateways WHERE id = ?", (state.gateway,)
        ).fetchone()
        birth, known = _births_and_state(row) if row else (None, None)
        newest = _newest(birth, known)
        if newest is not None and state.session < newest:
            return False
        is_will = not state.online and state.time_ms == 0
        if is_will and known is not None:
            state = msgspec.structs.replace(known, online=False, session=state.session)
        self._database.execute(
            "INSERT INTO gateways (id, site, state, last_seen_ms) VALUES (?, '', ?, ?) ON CONFLICT (id) DO UPDATE"
            " SET state = excluded.state, last_seen_ms = coalesce(excluded.last_seen_ms, last_seen_ms)",
            (state.gateway, msgspec.json.encode(state), None if is_will else now_ms),
        )
        return True

    def owner(self, sensor: str, at_ms: int | None) -> str | None:
        if at_ms is None:
            row = self._database.execute(
                "SELECT gateway FROM sensors WHERE sensor = ? AND until_ms IS NULL", (sensor,)
            ).fetchone()
        else:
            row = self._database.execute(
                "SELECT gateway FROM sensors WHERE sensor = ?"
                " ORDER BY since_ms <= ? DESC, abs(since_ms - ?), rowid DESC LIMIT 1",
                (sensor, at_ms, at_ms),
            ).fetchone()
        return str(row[0]) if row else None

    def owners(self) -> dict[str, str]:
        return dict(
            self._database.execute("SELECT sensor, gateway FROM sensors WHERE until_ms IS NULL").fetchall()
        )

    def sites(self) -> list[Site]:
        rows = self._database.execute("SELECT content FROM sites ORDER BY id").fetchall()
        return [msgspec.json.decode(content, type=Site) for (content,) in rows]

    def gateways(self) -> list[GatewayRow]:
        rows = self._database.execute(
            "SELECT birth, state, id, site, last_seen_ms FROM gateways ORDER BY id"
        ).fetchall()
        result = []
        for row in rows:
            birth, state = _births_and_state(row)
            result.append(GatewayRow(row[2], row[3], _newest(birth, state), state, row[4]))
        return result

    def sensors(self, *, retired: bool = False) -> list[SensorRow]:
        rows = self._database.execute(
            "SELECT content, site, gateway, since_ms FROM sensors"
            " WHERE until_ms IS NULL AND (retired_ms IS NOT NULL) = ? ORDER BY sensor",
            (retired,),
        ).fetchall()
        return [
            SensorRow(
                **msgspec.structs.asdict(msgspec.json.decode(content, type=Sensor)),
                site=site,
                gateway=gateway,
                since_ms=since_ms,
            )
            for content, site, gateway, since_ms in rows
        ]


def _births_and_state(row: tuple[bytes | None, bytes | None]) -> tuple[Birth | None, State | None]:
    return (
        msgspec.json.decode(row[0], type=Birth) if row[0] else None,
        msgspec.json.decode(row[1], type=State) if row[1] else None,
    )


def _newest(birth: Birth | None, state: State | None) -> tuple[int, int] | None:
    return max((message.session for message in (birth, state) if message is not None), default=None)
