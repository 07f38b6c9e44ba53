-- What follows from a whole history. Written as 0001.sql explains.

-- Beside what follows from the stored commits, which is put more often. Empty until it was learned.
ALTER TABLE history ADD COLUMN all_time TEXT;
