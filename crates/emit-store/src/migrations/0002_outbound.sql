-- Where a job's end is told: a URL, and headers as a JSON object of strings.
ALTER TABLE jobs ADD COLUMN callback_url     TEXT;
ALTER TABLE jobs ADD COLUMN callback_headers TEXT;

-- What a space signs with, and what else it sends: `slack` and `push` are JSON.
ALTER TABLE spaces ADD COLUMN secret         BLOB;
ALTER TABLE spaces ADD COLUMN old_secret     BLOB;
ALTER TABLE spaces ADD COLUMN old_until      INTEGER;
ALTER TABLE spaces ADD COLUMN slack          TEXT;
ALTER TABLE spaces ADD COLUMN push           TEXT;
UPDATE spaces SET secret = randomblob(32);

-- Ends that are still to be told, or that could not be: at most one of a job. Without `due_at` no try follows.
CREATE TABLE callbacks (
    job         INTEGER PRIMARY KEY,
    space       INTEGER NOT NULL,
    endpoint    TEXT    NOT NULL,
    tries       INTEGER NOT NULL,
    due_at      INTEGER,
    tried_at    INTEGER,
    status_code INTEGER,
    error       TEXT
) STRICT;
-- By lane, so that what waits for one endpoint is never in the way of another.
CREATE INDEX callbacks_lane    ON callbacks (space, endpoint, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX callbacks_due     ON callbacks (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX callbacks_failing ON callbacks (space, endpoint) WHERE tries > 0;
