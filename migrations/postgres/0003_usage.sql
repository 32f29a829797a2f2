-- What of a request or lease counts as usage, and the mark that grows with it.
ALTER TABLE requests ADD COLUMN counted TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE leases ADD COLUMN counted TEXT COLLATE "C" NOT NULL DEFAULT '';

CREATE TABLE usage (
    one  BIGINT PRIMARY KEY CHECK (one = 1),
    mark BIGINT NOT NULL
);

INSERT INTO usage (one, mark) VALUES (1, 0);

CREATE FUNCTION usage_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE usage SET mark = mark + 1;
    RETURN NULL;
END;
$$;

CREATE TRIGGER usage_of_new_requests AFTER INSERT ON requests
    FOR EACH ROW WHEN (NEW.counted <> '') EXECUTE FUNCTION usage_changed();

CREATE TRIGGER usage_of_requests AFTER UPDATE ON requests
    FOR EACH ROW WHEN (NEW.counted <> OLD.counted) EXECUTE FUNCTION usage_changed();

CREATE TRIGGER usage_of_new_leases AFTER INSERT ON leases
    FOR EACH ROW WHEN (NEW.counted <> '') EXECUTE FUNCTION usage_changed();

CREATE TRIGGER usage_of_leases AFTER UPDATE ON leases
    FOR EACH ROW WHEN (NEW.counted <> OLD.counted) EXECUTE FUNCTION usage_changed();
