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
