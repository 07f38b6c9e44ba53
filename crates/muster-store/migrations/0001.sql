-- Written for SQLite; INTEGER, TEXT and SERIAL become BIGINT, TEXT COLLATE "C" and an identity column on PostgreSQL, so
-- that numbers are as wide and texts sort by bytes on both; a line that begins with "-- postgres:" is run there alone.
-- Times are microseconds since 1970, documents JSON.

-- Numbers that are given out. The row 'change' is also the lock that makes the order of changes the order of commits.
CREATE TABLE counter (
  name TEXT NOT NULL PRIMARY KEY,
  value INTEGER NOT NULL
);
-- postgres: CREATE SEQUENCE project_number_seq;
-- postgres: CREATE SEQUENCE project_revision_seq;
INSERT INTO counter (name, value) VALUES ('change', 0), ('project_number_seq', 0), ('project_revision_seq', 0);

CREATE TABLE change (
  seq INTEGER NOT NULL PRIMARY KEY,
  at INTEGER NOT NULL,
  entity TEXT NOT NULL,
  entity_id TEXT NOT NULL,
  tags TEXT NOT NULL,
  topic TEXT,
  data TEXT
);
CREATE INDEX change_at ON change (at);

CREATE TABLE project (
  id TEXT NOT NULL PRIMARY KEY,
  number INTEGER NOT NULL,
  node TEXT NOT NULL,
  root TEXT NOT NULL,
  path TEXT NOT NULL,
  name TEXT NOT NULL,
  revision INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  format INTEGER NOT NULL,
  document TEXT NOT NULL
);
CREATE UNIQUE INDEX project_number ON project (number);
CREATE UNIQUE INDEX project_node_path ON project (node, path);
CREATE INDEX project_name ON project (name);
CREATE INDEX project_updated_at ON project (updated_at);

CREATE TABLE setting (
  name TEXT NOT NULL PRIMARY KEY,
  value TEXT NOT NULL
);

CREATE TABLE plan (
  id TEXT NOT NULL PRIMARY KEY,
  kind TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  document TEXT NOT NULL
);
CREATE INDEX plan_expires_at ON plan (expires_at);

CREATE TABLE audit (
  id SERIAL,
  at INTEGER NOT NULL,
  who TEXT NOT NULL,
  what TEXT NOT NULL,
  target TEXT NOT NULL,
  outcome TEXT NOT NULL,
  detail TEXT NOT NULL
);
CREATE INDEX audit_at ON audit (at);
