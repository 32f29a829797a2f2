-- Who filed a request, for those who ask for all of one account.
ALTER TABLE requests ADD COLUMN author INTEGER NOT NULL DEFAULT 0;

UPDATE requests SET author = COALESCE(CAST(json_extract(document, '$.author.id') AS INTEGER), 0)
WHERE json_valid(document);

CREATE INDEX requests_author ON requests (forge, author);
