-- What operators have frozen: at most one row each of the things that can be.
CREATE TABLE freezes (
    deed   TEXT    NOT NULL PRIMARY KEY,
    reason TEXT    NOT NULL,
    since  INTEGER NOT NULL,
    until  INTEGER
) STRICT;

-- How often a claim ended in waiting for something: no try, and no failure.
ALTER TABLE effects ADD COLUMN waits INTEGER NOT NULL DEFAULT 0;
