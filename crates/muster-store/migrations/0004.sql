-- The catalogue: local checkouts and watched repositories as one list, joined by what their addresses mean. Written as
-- 0001.sql explains, and a line that begins with "-- sqlite:" is run on SQLite alone.

-- What the list needs of a project that is a repository. Not columns of `project`: they would stand behind its document,
-- and each look at them would read past it. `identity` is that of the remote; the project's own id if there is none.
CREATE TABLE checkout (
  id TEXT NOT NULL PRIMARY KEY,
  number INTEGER NOT NULL,
  identity TEXT NOT NULL,
  url TEXT,
  host TEXT,
  owner TEXT,
  name TEXT NOT NULL,
  project TEXT NOT NULL,
  path TEXT NOT NULL,
  branch TEXT,
  relation TEXT NOT NULL,
  language TEXT,
  health INTEGER,
  error TEXT,
  last_commit_at INTEGER,
  updated_at INTEGER NOT NULL
);
CREATE UNIQUE INDEX checkout_number ON checkout (number);
-- What several checkouts of one repository say together is read from this index alone.
CREATE INDEX checkout_identity ON checkout (identity, number, last_commit_at, updated_at);
CREATE INDEX checkout_host ON checkout (host);
CREATE INDEX checkout_owner ON checkout (LOWER(owner));
CREATE INDEX checkout_name ON checkout (LOWER(name));
CREATE INDEX checkout_slug ON checkout (owner, name);
CREATE INDEX checkout_language ON checkout (LOWER(language));
CREATE INDEX checkout_relation ON checkout (relation);

-- `repository.tags`, one row each, so that they are found and counted.
CREATE TABLE repository_tag (
  repository TEXT NOT NULL,
  tag TEXT NOT NULL,
  PRIMARY KEY (repository, tag)
);
CREATE INDEX repository_tag_tag ON repository_tag (tag, repository);
-- sqlite: INSERT INTO repository_tag SELECT DISTINCT r.id, t.value FROM repository r, json_each(r.tags) t;
-- postgres: INSERT INTO repository_tag SELECT DISTINCT r.id, t.value FROM repository r, json_array_elements_text(CAST(r.tags AS json)) t (value);

CREATE INDEX repository_owner ON repository (LOWER(owner));
CREATE INDEX repository_name ON repository (LOWER(name));
CREATE INDEX repository_level ON repository (level);
CREATE INDEX repository_category ON repository (category);
CREATE INDEX repository_activity ON repository (activity_score);

-- One row per repository: a watched one with what its checkouts say, or the checkouts of one that nobody watches, under
-- the id and number of the first.
CREATE VIEW catalogue AS
SELECT r.id AS id, r.number AS number, r.identity AS identity,
  CASE WHEN g.identity IS NULL THEN 'watched' ELSE 'both' END AS origin,
  r.processing AS status, r.level AS level, r.url AS url, r.host AS host, NULLIF(r.owner, '') AS owner, r.name AS name,
  r.category AS category, r.activity_score AS activity_score, c.relation AS relation, c.language AS language,
  CASE WHEN r.last_commit_at IS NULL OR g.last_commit_at > r.last_commit_at THEN g.last_commit_at
    ELSE r.last_commit_at END AS last_commit_at,
  CASE WHEN g.updated_at > r.updated_at THEN g.updated_at ELSE r.updated_at END AS updated_at
FROM repository r
LEFT JOIN (
  SELECT identity, MIN(number) AS number, MAX(last_commit_at) AS last_commit_at, MAX(updated_at) AS updated_at
  FROM checkout GROUP BY identity
) g ON g.identity = r.identity
LEFT JOIN checkout c ON c.number = g.number
UNION ALL
SELECT c.id, c.number, c.identity, 'local', NULL, NULL, c.url, c.host, c.owner, c.name, NULL, NULL, c.relation,
  c.language, g.last_commit_at, g.updated_at
FROM (
  SELECT identity, MIN(number) AS number, MAX(last_commit_at) AS last_commit_at, MAX(updated_at) AS updated_at
  FROM checkout GROUP BY identity
) g
JOIN checkout c ON c.number = g.number
WHERE NOT EXISTS (SELECT 1 FROM repository r WHERE r.identity = g.identity);
