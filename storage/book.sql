CREATE TABLE IF NOT EXISTS sites (
  id TEXT PRIMARY KEY,
  content BLOB NOT NULL  -- telemetry.inventory.Site as JSON
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS gateways (
  id TEXT PRIMARY KEY,
  site TEXT NOT NULL,
  birth BLOB,            -- newest telemetry.messages.Birth as JSON
  state BLOB,            -- newest telemetry.messages.State as JSON
  last_seen_ms INTEGER
) WITHOUT ROWID;

-- One row for each period in which a gateway owned a sensor and described it the same way.
CREATE TABLE IF NOT EXISTS sensors (
  sensor TEXT NOT NULL,
  since_ms INTEGER NOT NULL,
  until_ms INTEGER,      -- when the next row took over
  gateway TEXT NOT NULL,
  site TEXT NOT NULL,
  adopted INTEGER NOT NULL,  -- 1: registered by its first reading, no birth has listed it
  retired_ms INTEGER,    -- when its owner's birth stopped listing it
  content BLOB NOT NULL  -- telemetry.inventory.Sensor as JSON
);
CREATE UNIQUE INDEX IF NOT EXISTS sensors_now ON sensors (sensor) WHERE until_ms IS NULL;
CREATE INDEX IF NOT EXISTS sensors_dated ON sensors (sensor, since_ms);

CREATE TABLE IF NOT EXISTS anomalies (
  id TEXT PRIMARY KEY,
  sensor TEXT NOT NULL,
  site TEXT NOT NULL,
  kind TEXT NOT NULL,
  start_ms INTEGER NOT NULL,
  end_ms INTEGER,
  content BLOB NOT NULL  -- telemetry.anomaly.Anomaly as JSON
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS anomalies_by_start ON anomalies (start_ms, id);
CREATE INDEX IF NOT EXISTS anomalies_of_sensor ON anomalies (sensor, start_ms, id);
CREATE INDEX IF NOT EXISTS anomalies_open ON anomalies (start_ms) WHERE end_ms IS NULL;

CREATE TABLE IF NOT EXISTS quarantine (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  key BLOB NOT NULL UNIQUE,  -- hash of reason, sensor, topic without the pack's number, payload
  reason TEXT NOT NULL,
  detail TEXT NOT NULL,
  topic TEXT NOT NULL,
  gateway TEXT NOT NULL,
  sensor TEXT NOT NULL,
  payload BLOB NOT NULL,
  count INTEGER NOT NULL,
  first_ms INTEGER NOT NULL,
  last_ms INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS quarantine_by_age ON quarantine (last_ms, id);

CREATE TABLE IF NOT EXISTS counters (
  name TEXT PRIMARY KEY,
  value INTEGER NOT NULL
) WITHOUT ROWID;

-- What gateways account for: of one journal (a life of the agent) a row is replaced by its newer state; journals add up.
CREATE TABLE IF NOT EXISTS manifests (
  gateway TEXT NOT NULL,
  journal TEXT NOT NULL,
  sensor TEXT NOT NULL,
  hour_ms INTEGER NOT NULL,  -- start of the hour, UTC
  expected INTEGER,          -- readings; NULL: event-driven
  read INTEGER NOT NULL,     -- readings: accepted + duplicate
  bad INTEGER NOT NULL,      -- frames
  accepted INTEGER NOT NULL,
  duplicate INTEGER NOT NULL,
  late INTEGER NOT NULL,     -- of the accepted
  given_up INTEGER NOT NULL, -- of the accepted
  received_ms INTEGER NOT NULL,
  PRIMARY KEY (gateway, journal, sensor, hour_ms)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS manifests_by_hour ON manifests (hour_ms, sensor);

-- API keys; of the secret only its SHA-256.
CREATE TABLE IF NOT EXISTS keys (
  id TEXT PRIMARY KEY,
  hash BLOB NOT NULL,
  name TEXT NOT NULL,
  role TEXT NOT NULL,
  sites TEXT NOT NULL,       -- ids with commas between; empty: the whole city
  created_ms INTEGER NOT NULL,
  created_by TEXT NOT NULL,
  expires_ms INTEGER,
  revoked_ms INTEGER
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS audit (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  at_ms INTEGER NOT NULL,
  who TEXT NOT NULL,         -- a key's name and id, or cli:USER
  role TEXT NOT NULL,
  action TEXT NOT NULL,
  target TEXT NOT NULL,
  detail TEXT NOT NULL
);
