-- Whose money an event of the ledger is about, so that movements are found by user. NULL: not looked up yet, as in rows
-- from before and those of nodes of an older version (a job follows them up). 0: nobody's.
ALTER TABLE magic_ledger_events ADD COLUMN user_id BIGINT;
CREATE INDEX magic_ledger_events_user ON magic_ledger_events (user_id, phase, id);
CREATE INDEX magic_ledger_events_phase ON magic_ledger_events (phase, id);

-- Who is running. Times are the database's, in Unix seconds, so that clocks of nodes don't matter.
CREATE TABLE magic_nodes (
    -- The life of the process.
    id VARCHAR(128) PRIMARY KEY,
    name VARCHAR(128) NOT NULL,
    version VARCHAR(128) NOT NULL,
    started BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    data LONGTEXT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
