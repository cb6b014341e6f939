-- What an operator has asked for: taken up by ingest (or the hub), finished with a result.
CREATE TABLE IF NOT EXISTS commands (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  kind TEXT NOT NULL,
  content BLOB NOT NULL,  -- its arguments as JSON
  who TEXT NOT NULL,
  asked_ms INTEGER NOT NULL,
  done_ms INTEGER,
  result BLOB             -- what became of it as JSON
);
CREATE INDEX IF NOT EXISTS commands_waiting ON commands (id) WHERE done_ms IS NULL;

-- What became of the newest replay of an entry of the quarantine.
CREATE TABLE IF NOT EXISTS quarantine_replays (
  id INTEGER PRIMARY KEY,  -- of the entry
  at_ms INTEGER NOT NULL,
  outcome TEXT NOT NULL,   -- storage.quarantine.Outcome
  detail TEXT NOT NULL
);

-- Readings whose entries the quarantine's bound has removed, by the hour they were observed in.
CREATE TABLE IF NOT EXISTS quarantine_removed (
  sensor TEXT NOT NULL,
  hour_ms INTEGER NOT NULL,
  readings INTEGER NOT NULL,
  PRIMARY KEY (sensor, hour_ms)
) WITHOUT ROWID;

-- What an undatable message holds, by the hour in which its readings were taken at the latest.
CREATE TABLE IF NOT EXISTS quarantine_undated (
  id INTEGER NOT NULL,  -- of the entry
  sensor TEXT NOT NULL,
  hour_ms INTEGER NOT NULL,
  readings INTEGER NOT NULL,
  PRIMARY KEY (id, sensor, hour_ms)
) WITHOUT ROWID;

-- Gateways that will not come back; a birth of a newer session takes the row away.
CREATE TABLE IF NOT EXISTS retired (
  gateway TEXT PRIMARY KEY,
  at_ms INTEGER NOT NULL,
  who TEXT NOT NULL,
  noted_ms INTEGER NOT NULL
) WITHOUT ROWID;

-- Every change of sites and sensors counts, so that readers know when to look again.
CREATE TRIGGER IF NOT EXISTS sensor_added AFTER INSERT ON sensors BEGIN
  INSERT INTO counters VALUES ('inventory', 1) ON CONFLICT (name) DO UPDATE SET value = value + 1;
END;
CREATE TRIGGER IF NOT EXISTS sensor_changed AFTER UPDATE ON sensors BEGIN
  INSERT INTO counters VALUES ('inventory', 1) ON CONFLICT (name) DO UPDATE SET value = value + 1;
END;
CREATE TRIGGER IF NOT EXISTS sensor_removed AFTER DELETE ON sensors BEGIN
  INSERT INTO counters VALUES ('inventory', 1) ON CONFLICT (name) DO UPDATE SET value = value + 1;
END;
CREATE TRIGGER IF NOT EXISTS site_added AFTER INSERT ON sites BEGIN
  INSERT INTO counters VALUES ('inventory', 1) ON CONFLICT (name) DO UPDATE SET value = value + 1;
END;
CREATE TRIGGER IF NOT EXISTS site_changed AFTER UPDATE ON sites BEGIN
  INSERT INTO counters VALUES ('inventory', 1) ON CONFLICT (name) DO UPDATE SET value = value + 1;
END;

-- What operators say about anomalies.
CREATE TABLE IF NOT EXISTS anomaly_notes (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  anomaly TEXT NOT NULL,
  at_ms INTEGER NOT NULL,
  who TEXT NOT NULL,
  acknowledges INTEGER NOT NULL,  -- 1: taken note of; 0: only a comment
  comment TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS notes_of_anomaly ON anomaly_notes (anomaly, id);

-- What is known of a series' raw values in [start_ms, end_ms), and who has said so. Rows are ended, never deleted.
CREATE TABLE IF NOT EXISTS corrections (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  sensor TEXT NOT NULL,
  quantity TEXT NOT NULL,
  start_ms INTEGER NOT NULL,
  end_ms INTEGER,         -- NULL: still
  content BLOB NOT NULL,  -- telemetry.corrections.Correction as JSON
  reason TEXT NOT NULL,
  who TEXT NOT NULL,
  noted_ms INTEGER NOT NULL,
  undone_ms INTEGER,
  undone_by TEXT
);

-- Periods of a sensor that an operator has declared invalid.
CREATE TABLE IF NOT EXISTS invalidations (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  sensor TEXT NOT NULL,
  quantity TEXT NOT NULL,  -- '': every quantity
  start_ms INTEGER NOT NULL,
  end_ms INTEGER,          -- NULL: still
  reason TEXT NOT NULL,
  who TEXT NOT NULL,
  noted_ms INTEGER NOT NULL,
  undone_ms INTEGER,
  undone_by TEXT
);

-- What the hub says of itself, for the commands that work beside it.
CREATE TABLE IF NOT EXISTS facts (
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL
) WITHOUT ROWID;

-- What the detectors remember of each series (ingest.survey), so that a restart does not forget it.
CREATE TABLE IF NOT EXISTS detector_state (
  sensor TEXT NOT NULL,
  quantity TEXT NOT NULL,
  state BLOB NOT NULL,
  PRIMARY KEY (sensor, quantity)
) WITHOUT ROWID;
