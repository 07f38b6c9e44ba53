-- Commits by day. Written as 0001.sql explains.

-- What all watched repositories did on a day is asked for in one sum. Over the commits themselves it takes ten seconds and
-- more where there are millions; each row here stands for all commits of a repository on one day (days since 1970, UTC),
-- and is written with them.
CREATE TABLE revision_day (
  repository INTEGER NOT NULL,
  day INTEGER NOT NULL,
  commits INTEGER NOT NULL,
  insertions INTEGER NOT NULL,
  deletions INTEGER NOT NULL,
  PRIMARY KEY (repository, day)
);
-- The sum is read from this index alone.
CREATE INDEX revision_day_sum ON revision_day (day, commits, insertions, deletions);
INSERT INTO revision_day (repository, day, commits, insertions, deletions)
SELECT repository, committed_at / 86400000000, COUNT(*), CAST(COALESCE(SUM(insertions), 0) AS BIGINT), CAST(COALESCE(SUM(deletions), 0) AS BIGINT)
FROM revision GROUP BY repository, committed_at / 86400000000;

-- It served that sum alone.
DROP INDEX revision_committed_at;
