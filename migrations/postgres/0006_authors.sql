-- Who filed a request, for those who ask for all of one account. No document is
-- read for it: there is none yet that was stored without.
ALTER TABLE requests ADD COLUMN author BIGINT NOT NULL DEFAULT 0;

CREATE INDEX requests_author ON requests (forge, author);
