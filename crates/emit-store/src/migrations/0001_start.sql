-- Statuses, event types and levels are small numbers; ids are 16 bytes; times are milliseconds since 1970.
CREATE TABLE spaces (
    no             INTEGER PRIMARY KEY AUTOINCREMENT,
    id             BLOB    NOT NULL UNIQUE,
    name           TEXT    NOT NULL,
    paused         INTEGER NOT NULL,
    retention_days INTEGER NOT NULL,
    max_pending    INTEGER,
    max_deliveries INTEGER,
    created_at     INTEGER NOT NULL,
    seq            INTEGER NOT NULL DEFAULT 0,
    oldest_seq     INTEGER NOT NULL DEFAULT 1,
    last_at        INTEGER NOT NULL,
    scheduled      INTEGER NOT NULL DEFAULT 0,
    pending        INTEGER NOT NULL DEFAULT 0,
    delivered      INTEGER NOT NULL DEFAULT 0,
    running        INTEGER NOT NULL DEFAULT 0,
    completed      INTEGER NOT NULL DEFAULT 0,
    dead           INTEGER NOT NULL DEFAULT 0,
    killed         INTEGER NOT NULL DEFAULT 0,
    deleted        INTEGER NOT NULL DEFAULT 0
) STRICT;

-- `no` rises in the order of creation. `status` 7 is a shell: the job is erased or purged, events still name it.
CREATE TABLE jobs (
    no                  INTEGER PRIMARY KEY,
    id                  BLOB    NOT NULL UNIQUE,
    space               INTEGER NOT NULL,
    name                TEXT    NOT NULL,
    status              INTEGER NOT NULL,
    available           INTEGER NOT NULL,
    priority            INTEGER NOT NULL,
    max_retries         INTEGER NOT NULL,
    attempt_number      INTEGER NOT NULL,
    delivery_count      INTEGER NOT NULL,
    delivery_timeouts   INTEGER NOT NULL,
    delivery_id         BLOB,
    ending              INTEGER,
    worker_id           TEXT,
    scheduled_for       INTEGER,
    expires_at          INTEGER,
    available_at        INTEGER NOT NULL,
    created_at          INTEGER NOT NULL,
    updated_at          INTEGER NOT NULL,
    delivered_at        INTEGER,
    started_at          INTEGER,
    completed_at        INTEGER,
    timeout_at          INTEGER,
    log_lines           INTEGER NOT NULL,
    seq                 INTEGER NOT NULL,
    progress_seq        INTEGER,
    checkpoint_seq      INTEGER,
    result_seq          INTEGER,
    timeout_ms          INTEGER NOT NULL,
    delivery_timeout_ms INTEGER NOT NULL,
    backoff             TEXT,
    tags                TEXT,
    idempotency_key     TEXT,
    traceparent         TEXT
) STRICT;

-- The order of polling. Partial, so that neither delayed nor finished jobs cost a poll anything.
CREATE INDEX jobs_claim      ON jobs (space, priority DESC, available_at) WHERE available = 1;
CREATE INDEX jobs_claim_name ON jobs (space, name, priority DESC, available_at) WHERE available = 1;
-- Lists, newest first: one index each that is written when a job enters the status and when it leaves it.
CREATE INDEX jobs_space      ON jobs (space);
CREATE INDEX jobs_name       ON jobs (space, name);
CREATE INDEX jobs_scheduled  ON jobs (space) WHERE status = 0;
CREATE INDEX jobs_pending    ON jobs (space) WHERE status = 1;
CREATE INDEX jobs_held       ON jobs (space) WHERE status IN (2, 3);
CREATE INDEX jobs_completed  ON jobs (space) WHERE status = 4;
CREATE INDEX jobs_dead       ON jobs (space) WHERE status = 5;
CREATE INDEX jobs_killed     ON jobs (space) WHERE status = 6;

-- Apart from the hot row, so that a transition does not rewrite it.
CREATE TABLE payloads (
    job  INTEGER PRIMARY KEY,
    body TEXT NOT NULL
) STRICT;

CREATE TABLE job_tags (
    space INTEGER NOT NULL,
    tag   TEXT    NOT NULL,
    job   INTEGER NOT NULL,
    PRIMARY KEY (space, tag, job)
) STRICT, WITHOUT ROWID;

-- `key` is the space's number shifted left by 40 bits, plus seq: one integer key clusters a space's events.
-- A job's history is walked back along `prev`, which costs no second index.
CREATE TABLE events (
    key    INTEGER PRIMARY KEY,
    prev   INTEGER NOT NULL,
    job    INTEGER NOT NULL,
    type   INTEGER NOT NULL,
    status INTEGER NOT NULL,
    at     INTEGER NOT NULL,
    data   TEXT
) STRICT;

-- The latest progress (0) and checkpoint (1) of a job whose event retention has dropped.
CREATE TABLE kept (
    job  INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    at   INTEGER NOT NULL,
    data TEXT    NOT NULL,
    PRIMARY KEY (job, kind)
) STRICT, WITHOUT ROWID;

CREATE TABLE logs (
    job     INTEGER NOT NULL,
    line    INTEGER NOT NULL,
    level   INTEGER NOT NULL,
    at      INTEGER NOT NULL,
    message TEXT    NOT NULL,
    fields  TEXT,
    PRIMARY KEY (job, line)
) STRICT, WITHOUT ROWID;

CREATE TABLE idempotency (
    no          INTEGER PRIMARY KEY,
    space       INTEGER NOT NULL,
    key         TEXT    NOT NULL,
    fingerprint BLOB    NOT NULL,
    job         INTEGER NOT NULL,
    created_at  INTEGER NOT NULL,
    UNIQUE (space, key)
) STRICT;

CREATE TABLE tokens (
    no           INTEGER PRIMARY KEY AUTOINCREMENT,
    id           BLOB    NOT NULL UNIQUE,
    hash         BLOB    NOT NULL UNIQUE,
    secret       TEXT,
    name         TEXT    NOT NULL,
    scopes       TEXT    NOT NULL,
    space        INTEGER,
    job          BLOB,
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER,
    last_used_at INTEGER
) STRICT;
CREATE INDEX tokens_space ON tokens (space);
CREATE INDEX tokens_expiry ON tokens (expires_at) WHERE expires_at IS NOT NULL;
