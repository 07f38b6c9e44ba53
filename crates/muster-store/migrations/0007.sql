-- Who may ask.

-- Tokens of programs (`api`), of people who have signed in (`session`), and for setting the administrator's password
-- (`setup`). `hash` is the SHA-256 of its text, which is kept nowhere; `scopes` is a list of words.
CREATE TABLE token (
  id TEXT NOT NULL PRIMARY KEY,
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  hash TEXT NOT NULL,
  scopes TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  created_by TEXT NOT NULL,
  expires_at INTEGER,
  last_used_at INTEGER
);
CREATE UNIQUE INDEX token_hash ON token (hash);
-- People name a token when they revoke it.
CREATE UNIQUE INDEX token_name ON token (name) WHERE kind = 'api';
CREATE INDEX token_expires_at ON token (expires_at) WHERE expires_at IS NOT NULL;
