-- The first schema. Times are milliseconds since 1970 in UTC, documents are
-- JSON text, ids that are UUIDs are text. A column beside a document repeats
-- what a query or a constraint needs; the document is what is read back.

-- What forges sent. `key` is equal on a redelivery, so that each counts once.
-- Bodies are there for inspection and are forgotten after a while; the row stays.
CREATE TABLE deliveries (
    id          INTEGER PRIMARY KEY,
    forge       TEXT    NOT NULL,
    key         TEXT    NOT NULL,
    project     INTEGER NOT NULL,
    issue       INTEGER,
    event       TEXT    NOT NULL,
    ignored     TEXT,
    body        BLOB,
    received_at INTEGER NOT NULL,
    UNIQUE (forge, key)
) STRICT;

CREATE INDEX deliveries_with_body ON deliveries (received_at) WHERE body IS NOT NULL;

-- Issues to look at. A row stays when its look is done, because its counters
-- tell a claim from every earlier one: an issue wants a look while `wanted`,
-- which grows with each wish, is ahead of `done`.
CREATE TABLE looks (
    id            INTEGER PRIMARY KEY,
    forge         TEXT    NOT NULL,
    project       INTEGER NOT NULL,
    number        INTEGER NOT NULL,
    wanted        INTEGER NOT NULL,
    done          INTEGER NOT NULL DEFAULT 0,
    claim         INTEGER NOT NULL DEFAULT 0,
    claimed_until INTEGER,
    failures      INTEGER NOT NULL DEFAULT 0,
    since         INTEGER NOT NULL,
    wanted_at     INTEGER NOT NULL,
    due           INTEGER NOT NULL,
    last_error    TEXT,
    UNIQUE (forge, project, number),
    CHECK (done <= wanted)
) STRICT;

CREATE INDEX looks_waiting ON looks (since, id) WHERE wanted > done;

-- What issues ask for. One request an issue.
CREATE TABLE requests (
    id       TEXT    NOT NULL PRIMARY KEY,
    version  INTEGER NOT NULL CHECK (version > 0),
    state    TEXT    NOT NULL,
    forge    TEXT    NOT NULL,
    project  INTEGER NOT NULL,
    number   INTEGER NOT NULL,
    document TEXT    NOT NULL,
    UNIQUE (forge, project, number)
) STRICT;

CREATE INDEX requests_state ON requests (state);
CREATE INDEX requests_open ON requests (id)
    WHERE state NOT IN ('rejected', 'withdrawn', 'fulfilled');

-- Machines plus their time. `check_at` is when the sweep has to look next.
CREATE TABLE leases (
    id       TEXT    NOT NULL PRIMARY KEY,
    version  INTEGER NOT NULL CHECK (version > 0),
    state    TEXT    NOT NULL,
    provider TEXT    NOT NULL,
    machine  TEXT    NOT NULL,
    check_at INTEGER,
    document TEXT    NOT NULL
) STRICT;

CREATE INDEX leases_state ON leases (state);
CREATE INDEX leases_live ON leases (id) WHERE state <> 'ended';
CREATE INDEX leases_due ON leases (check_at, id) WHERE state <> 'ended';

-- No two leases can have the same machine while it may exist.
CREATE UNIQUE INDEX leases_one_per_machine ON leases (provider, machine)
    WHERE state NOT IN ('destroyed', 'ended');

CREATE TRIGGER leases_are_never_deleted BEFORE DELETE ON leases
BEGIN
    SELECT RAISE(ABORT, 'a lease is never deleted');
END;

-- Comments that were dealt with.
CREATE TABLE seen_notes (
    forge   TEXT    NOT NULL,
    project INTEGER NOT NULL,
    number  INTEGER NOT NULL,
    note    INTEGER NOT NULL,
    PRIMARY KEY (forge, project, number, note)
) STRICT, WITHOUT ROWID;

-- What is to be done outside, in the order it was decided. `attempts` grows
-- with every claim and is never reset: it tells a claim from every earlier one.
-- Rows that are done stay, because a key counts once, forever.
CREATE TABLE effects (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    key           TEXT    NOT NULL UNIQUE,
    lane          TEXT    NOT NULL,
    priority      INTEGER NOT NULL,
    kind          TEXT    NOT NULL,
    task          TEXT    NOT NULL,
    state         TEXT    NOT NULL CHECK (state IN ('pending', 'running', 'buried', 'done')),
    attempts      INTEGER NOT NULL DEFAULT 0,
    begun         INTEGER NOT NULL DEFAULT 0 CHECK (begun IN (0, 1)),
    ordered_at    INTEGER NOT NULL,
    due           INTEGER NOT NULL,
    claimed_until INTEGER,
    buried_at     INTEGER,
    finished_at   INTEGER,
    last_error    TEXT,
    CHECK ((state = 'running') = (claimed_until IS NOT NULL)),
    CHECK ((state = 'buried') = (buried_at IS NOT NULL)),
    CHECK ((state = 'done') = (finished_at IS NOT NULL))
) STRICT;

-- Claims must stay fast however much is done already.
CREATE INDEX effects_unfinished ON effects (priority, id) WHERE state IN ('pending', 'running');
CREATE INDEX effects_lane ON effects (lane, priority, id) WHERE state IN ('pending', 'running');
CREATE INDEX effects_running ON effects (lane, claimed_until) WHERE state = 'running';
CREATE INDEX effects_buried ON effects (buried_at) WHERE state = 'buried';
CREATE INDEX effects_finished ON effects (kind, finished_at) WHERE finished_at IS NOT NULL;

-- Who did what, hash-chained: see `store::audit_chain`.
CREATE TABLE audit_log (
    number INTEGER PRIMARY KEY,
    at     INTEGER NOT NULL,
    note   TEXT    NOT NULL,
    hash   TEXT    NOT NULL
) STRICT;

CREATE TRIGGER audit_log_is_never_changed BEFORE UPDATE ON audit_log
BEGIN
    SELECT RAISE(ABORT, 'the audit log is never changed');
END;

CREATE TRIGGER audit_log_is_never_deleted BEFORE DELETE ON audit_log
BEGIN
    SELECT RAISE(ABORT, 'the audit log is never deleted');
END;

-- Who may do what only one replica may do at a time.
CREATE TABLE locks (
    name       TEXT    NOT NULL PRIMARY KEY,
    holder     TEXT    NOT NULL,
    held_until INTEGER NOT NULL
) STRICT;

-- Moments worth remembering: the last heartbeat, how far a poll got.
CREATE TABLE moments (
    name TEXT    NOT NULL PRIMARY KEY,
    at   INTEGER NOT NULL
) STRICT;
