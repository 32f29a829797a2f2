-- What operators have frozen: at most one row each of the things that can be.
CREATE TABLE freezes (
    deed   TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    reason TEXT   NOT NULL,
    since  BIGINT NOT NULL,
    until  BIGINT
);

-- How often a claim ended in waiting for something: no try, and no failure.
ALTER TABLE effects ADD COLUMN waits BIGINT NOT NULL DEFAULT 0;
