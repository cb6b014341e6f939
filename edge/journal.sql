-- The journal of one gateway; docs/journal.md is its contract.
CREATE TABLE IF NOT EXISTS packs(
    journal         TEXT    NOT NULL,  -- 16 hex digits, new at every open
    seq             INTEGER NOT NULL,  -- counts from 0 in its journal
    site            TEXT    NOT NULL,
    formed_ms       INTEGER NOT NULL,  -- wall clock of the commit
    oldest_ms       INTEGER NOT NULL,  -- first and last observation inside
    newest_ms       INTEGER NOT NULL,
    readings        INTEGER NOT NULL,
    payload         BLOB    NOT NULL,  -- zlib of the SenML bytes
    crc             INTEGER NOT NULL,  -- crc32 of payload
    acknowledged_ms INTEGER,           -- NULL until ingest has stored or quarantined it
    PRIMARY KEY (journal, seq)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS packs_waiting ON packs(formed_ms) WHERE acknowledged_ms IS NULL;
CREATE INDEX IF NOT EXISTS packs_by_time ON packs(newest_ms);
-- What the agent accounts for, until it has told it in a manifest.
CREATE TABLE IF NOT EXISTS tallies(
    journal      TEXT    NOT NULL,
    sensor       TEXT    NOT NULL,
    hour_ms      INTEGER NOT NULL,  -- start of the hour, UTC
    quantities   INTEGER NOT NULL,  -- that the sensor declares
    periods      INTEGER,           -- that have passed; NULL: event-driven
    until_ms     INTEGER NOT NULL,  -- up to here they are counted
    observations INTEGER NOT NULL,
    read         INTEGER NOT NULL,  -- readings
    bad          INTEGER NOT NULL,  -- frames
    accepted     INTEGER NOT NULL,
    duplicate    INTEGER NOT NULL,
    late         INTEGER NOT NULL,
    given_up     INTEGER NOT NULL,
    revision     INTEGER NOT NULL,  -- rises with every change
    told         INTEGER NOT NULL,  -- the revision that is in a pack
    PRIMARY KEY (journal, sensor, hour_ms)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS tallies_untold ON tallies(hour_ms) WHERE told < revision;
-- Since user_version 2: what waits for a date, and what happened to the clock; docs/time.md.
CREATE TABLE IF NOT EXISTS undated(
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    boot     TEXT    NOT NULL,  -- /proc/sys/kernel/random/boot_id
    after_ms INTEGER,           -- the last trusted time known when it was written
    first_ms INTEGER NOT NULL,  -- smallest and largest uptime (CLOCK_BOOTTIME) inside
    last_ms  INTEGER NOT NULL,
    readings INTEGER NOT NULL,
    payload  BLOB    NOT NULL,  -- zlib of JSON [[sensor, quantity, uptime ms, value, flags], …]
    crc      INTEGER NOT NULL   -- crc32 of payload
);
CREATE INDEX IF NOT EXISTS undated_by_boot ON undated(boot, last_ms);
CREATE TABLE IF NOT EXISTS clock(
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    boot      TEXT    NOT NULL,
    kind      TEXT    NOT NULL,  -- trusted, corrected, stepped, refused
    source    TEXT    NOT NULL,  -- gnss, ntp, hub, system
    uptime_ms INTEGER NOT NULL,
    offset_ms INTEGER NOT NULL,  -- Unix time ahead of uptime, as that source has it
    change_ms INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS notes(
    name  TEXT    PRIMARY KEY,   -- trusted_ms: the last trusted time; session: of the last life; undated_given_up: readings
    value INTEGER NOT NULL
) WITHOUT ROWID;
