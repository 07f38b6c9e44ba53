-- The watchlist: remote repositories, who watches them, their commits, what was derived, what was found.

CREATE TABLE repository (
  id TEXT NOT NULL PRIMARY KEY,
  number INTEGER NOT NULL,
  identity TEXT NOT NULL,
  url TEXT NOT NULL,
  host TEXT NOT NULL,
  owner TEXT NOT NULL,
  name TEXT NOT NULL,
  level TEXT NOT NULL,
  processing TEXT NOT NULL,
  is_refreshing INTEGER NOT NULL,
  steps TEXT NOT NULL,
  last_error TEXT,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  processing_started_at INTEGER NOT NULL,
  processing_completed_at INTEGER,
  refs TEXT,
  refs_at INTEGER,
  backfilled TEXT,
  commits INTEGER NOT NULL,
  last_commit_at INTEGER,
  activity_score INTEGER,
  bus_factor INTEGER,
  category TEXT,
  tags TEXT NOT NULL
);
CREATE UNIQUE INDEX repository_number ON repository (number);
CREATE UNIQUE INDEX repository_identity ON repository (identity);
CREATE INDEX repository_slug ON repository (owner, name);
CREATE INDEX repository_host ON repository (host);
CREATE INDEX repository_processing ON repository (processing);
CREATE INDEX repository_last_commit ON repository (last_commit_at);
CREATE INDEX repository_updated_at ON repository (updated_at);

CREATE TABLE watch (
  id TEXT NOT NULL PRIMARY KEY,
  repository TEXT NOT NULL,
  added_by TEXT NOT NULL,
  notes TEXT NOT NULL,
  alerts TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
);
CREATE UNIQUE INDEX watch_repository ON watch (repository, added_by);
CREATE INDEX watch_added_by ON watch (added_by);

-- 'repository' is the number here: with millions of rows its eight bytes count.
CREATE TABLE revision (
  repository INTEGER NOT NULL,
  id TEXT NOT NULL,
  parents TEXT NOT NULL,
  author_name TEXT NOT NULL,
  author_email TEXT NOT NULL,
  authored_at INTEGER NOT NULL,
  author_offset INTEGER NOT NULL,
  committer_name TEXT NOT NULL,
  committer_email TEXT NOT NULL,
  committed_at INTEGER NOT NULL,
  committer_offset INTEGER NOT NULL,
  message TEXT NOT NULL,
  files_changed INTEGER,
  insertions INTEGER,
  deletions INTEGER,
  files TEXT NOT NULL,
  is_new INTEGER NOT NULL,
  PRIMARY KEY (repository, id)
);
CREATE INDEX revision_time ON revision (repository, committed_at, id);
CREATE INDEX revision_new ON revision (repository) WHERE is_new = 1;
CREATE INDEX revision_committed_at ON revision (committed_at);

CREATE TABLE history (
  repository TEXT NOT NULL PRIMARY KEY,
  format INTEGER NOT NULL,
  computed_at INTEGER NOT NULL,
  document TEXT NOT NULL
);

CREATE TABLE alert (
  id TEXT NOT NULL PRIMARY KEY,
  watch TEXT NOT NULL,
  repository TEXT NOT NULL,
  kind TEXT NOT NULL,
  subject TEXT NOT NULL,
  finding TEXT NOT NULL,
  fired_at INTEGER NOT NULL
);
CREATE UNIQUE INDEX alert_once ON alert (watch, kind, subject);
CREATE INDEX alert_fired_at ON alert (fired_at, id);
CREATE INDEX alert_repository ON alert (repository);
