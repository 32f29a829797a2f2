-- What of a request or lease counts as usage: see `policy::usage`. Whoever is
-- granted something because of what is in use must find it unchanged when
-- that is stored; so `mark` grows whenever one of these texts changes.
ALTER TABLE requests ADD COLUMN counted TEXT NOT NULL DEFAULT '';
ALTER TABLE leases ADD COLUMN counted TEXT NOT NULL DEFAULT '';

CREATE TABLE usage (
    one  INTEGER PRIMARY KEY CHECK (one = 1),
    mark INTEGER NOT NULL
) STRICT;

INSERT INTO usage (one, mark) VALUES (1, 0);

CREATE TRIGGER usage_of_new_requests AFTER INSERT ON requests WHEN NEW.counted <> ''
BEGIN
    UPDATE usage SET mark = mark + 1;
END;

CREATE TRIGGER usage_of_requests AFTER UPDATE ON requests WHEN NEW.counted <> OLD.counted
BEGIN
    UPDATE usage SET mark = mark + 1;
END;

CREATE TRIGGER usage_of_new_leases AFTER INSERT ON leases WHEN NEW.counted <> ''
BEGIN
    UPDATE usage SET mark = mark + 1;
END;

CREATE TRIGGER usage_of_leases AFTER UPDATE ON leases WHEN NEW.counted <> OLD.counted
BEGIN
    UPDATE usage SET mark = mark + 1;
END;
