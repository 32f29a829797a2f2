-- The first schema, as in ../sqlite: the same tables, columns and constraints, and
-- the same meaning. Texts are compared byte by byte, as SQLite does.

CREATE TABLE deliveries (
    id          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    forge       TEXT COLLATE "C" NOT NULL,
    key         TEXT COLLATE "C" NOT NULL,
    project     BIGINT NOT NULL,
    issue       BIGINT,
    event       TEXT   NOT NULL,
    ignored     TEXT,
    body        BYTEA,
    received_at BIGINT NOT NULL,
    UNIQUE (forge, key)
);

CREATE INDEX deliveries_with_body ON deliveries (received_at) WHERE body IS NOT NULL;

CREATE TABLE looks (
    id            BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    forge         TEXT COLLATE "C" NOT NULL,
    project       BIGINT NOT NULL,
    number        BIGINT NOT NULL,
    wanted        BIGINT NOT NULL,
    done          BIGINT NOT NULL DEFAULT 0,
    claim         BIGINT NOT NULL DEFAULT 0,
    claimed_until BIGINT,
    failures      BIGINT NOT NULL DEFAULT 0,
    since         BIGINT NOT NULL,
    wanted_at     BIGINT NOT NULL,
    due           BIGINT NOT NULL,
    last_error    TEXT,
    UNIQUE (forge, project, number),
    CHECK (done <= wanted)
);

CREATE INDEX looks_waiting ON looks (since, id) WHERE wanted > done;

CREATE TABLE requests (
    id       TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    version  BIGINT NOT NULL CHECK (version > 0),
    state    TEXT COLLATE "C" NOT NULL,
    forge    TEXT COLLATE "C" NOT NULL,
    project  BIGINT NOT NULL,
    number   BIGINT NOT NULL,
    document TEXT   NOT NULL,
    UNIQUE (forge, project, number)
);

CREATE INDEX requests_state ON requests (state);
CREATE INDEX requests_open ON requests (id)
    WHERE state NOT IN ('rejected', 'withdrawn', 'fulfilled');

CREATE TABLE leases (
    id       TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    version  BIGINT NOT NULL CHECK (version > 0),
    state    TEXT COLLATE "C" NOT NULL,
    provider TEXT COLLATE "C" NOT NULL,
    machine  TEXT COLLATE "C" NOT NULL,
    check_at BIGINT,
    document TEXT   NOT NULL
);

CREATE INDEX leases_state ON leases (state);
CREATE INDEX leases_live ON leases (id) WHERE state <> 'ended';
CREATE INDEX leases_due ON leases (check_at, id) WHERE state <> 'ended';

CREATE UNIQUE INDEX leases_one_per_machine ON leases (provider, machine)
    WHERE state NOT IN ('destroyed', 'ended');

-- What must never be done to a table, as the trigger that calls this says it.
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%', TG_ARGV[0];
END;
$$;

CREATE TRIGGER leases_are_never_deleted BEFORE DELETE OR TRUNCATE ON leases
    FOR EACH STATEMENT EXECUTE FUNCTION refuse('a lease is never deleted');

CREATE TABLE seen_notes (
    forge   TEXT COLLATE "C" NOT NULL,
    project BIGINT NOT NULL,
    number  BIGINT NOT NULL,
    note    BIGINT NOT NULL,
    PRIMARY KEY (forge, project, number, note)
);

CREATE TABLE effects (
    id            BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key           TEXT COLLATE "C" NOT NULL UNIQUE,
    lane          TEXT COLLATE "C" NOT NULL,
    priority      BIGINT NOT NULL,
    kind          TEXT COLLATE "C" NOT NULL,
    task          TEXT   NOT NULL,
    state         TEXT COLLATE "C" NOT NULL
                  CHECK (state IN ('pending', 'running', 'buried', 'done')),
    attempts      BIGINT NOT NULL DEFAULT 0,
    begun         BIGINT NOT NULL DEFAULT 0 CHECK (begun IN (0, 1)),
    ordered_at    BIGINT NOT NULL,
    due           BIGINT NOT NULL,
    claimed_until BIGINT,
    buried_at     BIGINT,
    finished_at   BIGINT,
    last_error    TEXT,
    CHECK ((state = 'running') = (claimed_until IS NOT NULL)),
    CHECK ((state = 'buried') = (buried_at IS NOT NULL)),
    CHECK ((state = 'done') = (finished_at IS NOT NULL))
);

CREATE INDEX effects_unfinished ON effects (priority, id) WHERE state IN ('pending', 'running');
CREATE INDEX effects_lane ON effects (lane, priority, id) WHERE state IN ('pending', 'running');
CREATE INDEX effects_running ON effects (lane, claimed_until) WHERE state = 'running';
CREATE INDEX effects_buried ON effects (buried_at) WHERE state = 'buried';
CREATE INDEX effects_finished ON effects (kind, finished_at) WHERE finished_at IS NOT NULL;

CREATE TABLE audit_log (
    number BIGINT PRIMARY KEY,
    at     BIGINT NOT NULL,
    note   TEXT   NOT NULL,
    hash   TEXT   NOT NULL
);

CREATE TRIGGER audit_log_is_never_changed BEFORE UPDATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION refuse('the audit log is never changed');

CREATE TRIGGER audit_log_is_never_deleted BEFORE DELETE OR TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION refuse('the audit log is never deleted');

CREATE TABLE locks (
    name       TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    holder     TEXT COLLATE "C" NOT NULL,
    held_until BIGINT NOT NULL
);

CREATE TABLE moments (
    name TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    at   BIGINT NOT NULL
);
