-- Short texts worth remembering: which policies are in force, and how their last
-- reload ended.
CREATE TABLE memos (
    name TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    text TEXT NOT NULL
);
