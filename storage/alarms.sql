-- What people are called for: telemetry.alarm.Alarm. Replaced by its newer state.
CREATE TABLE IF NOT EXISTS alarms (
  id TEXT PRIMARY KEY,
  start_ms INTEGER NOT NULL,
  end_ms INTEGER,
  site TEXT NOT NULL,
  family TEXT NOT NULL,
  severity TEXT NOT NULL,
  state TEXT NOT NULL,
  content BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS alarms_by_start ON alarms (start_ms, id);
CREATE INDEX IF NOT EXISTS alarms_open ON alarms (id) WHERE end_ms IS NULL;

-- Patterns that raise no alarm until `until_ms`: an operator said so. '' stands for anything. Rows are ended, never deleted.
CREATE TABLE IF NOT EXISTS mutes (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  sensor TEXT NOT NULL,
  quantity TEXT NOT NULL,
  kind TEXT NOT NULL,
  verdict TEXT NOT NULL,
  reason TEXT NOT NULL,
  who TEXT NOT NULL,
  noted_ms INTEGER NOT NULL,
  until_ms INTEGER NOT NULL,
  ended_ms INTEGER,
  ended_by TEXT
);

-- Maintenance: of a site or a sensor (the other is ''). Nobody is called for what begins and ends inside.
CREATE TABLE IF NOT EXISTS maintenance (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  site TEXT NOT NULL,
  sensor TEXT NOT NULL,
  start_ms INTEGER NOT NULL,
  end_ms INTEGER NOT NULL,
  reason TEXT NOT NULL,
  who TEXT NOT NULL,
  noted_ms INTEGER NOT NULL,
  ended_ms INTEGER,
  ended_by TEXT
);

-- What is to be sent: each state of an alarm once on each channel, oldest first.
CREATE TABLE IF NOT EXISTS outbox (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  alarm TEXT NOT NULL,
  channel TEXT NOT NULL,
  state TEXT NOT NULL,
  severity TEXT NOT NULL,
  content BLOB NOT NULL,   -- the alarm as it was
  asked_ms INTEGER NOT NULL,
  due_ms INTEGER NOT NULL,
  tries INTEGER NOT NULL DEFAULT 0,
  done_ms INTEGER,         -- sent, or given up
  error TEXT NOT NULL DEFAULT '',  -- of the last try; '' with done_ms: sent
  UNIQUE (alarm, channel, state)
);
CREATE INDEX IF NOT EXISTS outbox_waiting ON outbox (channel, id) WHERE done_ms IS NULL;
