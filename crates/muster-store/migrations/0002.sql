-- Jobs: what is to be done, is being done and was done lately. Written as 0001.sql explains.

-- `group_key` is '' for a job that belongs to no group, so that the index finds both in one way. `lease_token` is raised
-- by each claim and never goes back: it is what fences a worker that lost its lease. `rerun_at` is set while a job runs
-- (or waits for its children) and was asked for again.
CREATE TABLE job (
  id TEXT NOT NULL PRIMARY KEY,
  kind TEXT NOT NULL,
  queue TEXT NOT NULL,
  payload TEXT NOT NULL,
  subject TEXT,
  priority INTEGER NOT NULL,
  unique_key TEXT,
  group_key TEXT NOT NULL,
  state TEXT NOT NULL,
  attempt INTEGER NOT NULL,
  max_attempts INTEGER NOT NULL,
  free_losses INTEGER NOT NULL,
  run_at INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  started_at INTEGER,
  finished_at INTEGER,
  progress TEXT,
  error TEXT,
  errors TEXT NOT NULL,
  reason TEXT,
  parent TEXT,
  is_parked INTEGER NOT NULL,
  children_failed INTEGER NOT NULL,
  is_cancel_requested INTEGER NOT NULL,
  is_quiet INTEGER NOT NULL,
  rerun_at INTEGER,
  node TEXT,
  lease_token INTEGER NOT NULL,
  lease_until INTEGER
);
-- One job of a key is alive. A finished one does not stand in the way.
CREATE UNIQUE INDEX job_unique_key ON job (unique_key)
  WHERE state IN ('available', 'scheduled', 'retryable', 'running');
-- What the claim walks through, in its order, one group after the other.
CREATE INDEX job_claim ON job (queue, group_key, priority, run_at, id)
  WHERE state IN ('available', 'scheduled', 'retryable') AND is_parked = 0;
-- Is anything due? And what is running?
CREATE INDEX job_due ON job (queue, run_at)
  WHERE state IN ('available', 'scheduled', 'retryable') AND is_parked = 0;
CREATE INDEX job_lease ON job (lease_until) WHERE state = 'running';
CREATE INDEX job_running ON job (queue, group_key) WHERE state = 'running';
-- Counting, listing and retention.
CREATE INDEX job_state ON job (queue, state, finished_at, id);
CREATE INDEX job_subject ON job (subject) WHERE subject IS NOT NULL;
CREATE INDEX job_parent ON job (parent) WHERE parent IS NOT NULL;

CREATE TABLE job_log (
  id SERIAL,
  job TEXT NOT NULL,
  at INTEGER NOT NULL,
  line TEXT NOT NULL
);
CREATE INDEX job_log_job ON job_log (job, id);

-- The configured limits, and beside them what a person set while it ran. Rates: at most `rate_limit` starts in
-- `rate_seconds`, counted in windows.
CREATE TABLE job_queue (
  name TEXT NOT NULL PRIMARY KEY,
  is_paused INTEGER NOT NULL,
  concurrency INTEGER NOT NULL,
  concurrency_set INTEGER,
  group_limit INTEGER,
  rate_limit INTEGER,
  rate_seconds INTEGER,
  is_rate_set INTEGER NOT NULL,
  rate_limit_set INTEGER,
  rate_seconds_set INTEGER,
  rate_began_at INTEGER NOT NULL,
  rate_used INTEGER NOT NULL,
  group_cursor TEXT NOT NULL
);

CREATE TABLE job_schedule (
  id TEXT NOT NULL PRIMARY KEY,
  kind TEXT NOT NULL,
  queue TEXT NOT NULL,
  payload TEXT NOT NULL,
  subject TEXT,
  priority INTEGER NOT NULL,
  unique_key TEXT NOT NULL,
  group_key TEXT NOT NULL,
  max_attempts INTEGER NOT NULL,
  free_losses INTEGER NOT NULL,
  is_quiet INTEGER NOT NULL,
  every_seconds INTEGER,
  anchor INTEGER NOT NULL,
  next_run_at INTEGER,
  last_run_at INTEGER,
  last_job TEXT
);
CREATE INDEX job_schedule_next_run_at ON job_schedule (next_run_at) WHERE next_run_at IS NOT NULL;

-- What outlives the jobs. Durations in microseconds, of completed runs; waits from due to begun.
CREATE TABLE job_stat (
  queue TEXT NOT NULL,
  kind TEXT NOT NULL,
  completed INTEGER NOT NULL,
  failed INTEGER NOT NULL,
  cancelled INTEGER NOT NULL,
  discarded INTEGER NOT NULL,
  duration_total INTEGER NOT NULL,
  duration_max INTEGER NOT NULL,
  waits INTEGER NOT NULL,
  wait_total INTEGER NOT NULL,
  wait_max INTEGER NOT NULL,
  PRIMARY KEY (queue, kind)
);
