-- Remotes of local checkouts, and work that only one node can do.

-- What a remote said when it was last asked for its branches. The address is the canonical one, without credentials;
-- `heads` is a document {branch: id}, of the last answer, which was asked for at `asked_at`. `checked_at` is the last try.
-- The others say why the last tries failed, and how many in a row.
CREATE TABLE remote_heads (
  url TEXT NOT NULL PRIMARY KEY,
  heads TEXT,
  asked_at INTEGER,
  checked_at INTEGER NOT NULL,
  failures INTEGER NOT NULL,
  reason TEXT,
  message TEXT
);
CREATE INDEX remote_heads_checked_at ON remote_heads (checked_at);

-- The node that alone may run it: local folders belong to the node that has them.
ALTER TABLE job ADD COLUMN only_node TEXT;
