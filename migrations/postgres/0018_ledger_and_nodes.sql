-- Whose money an event of the ledger is about, so that movements are found by user. NULL: not looked up yet, as in rows
-- from before and those of nodes of an older version (a job follows them up). 0: nobody's.
ALTER TABLE magic_ledger_events ADD COLUMN user_id BIGINT;
CREATE INDEX magic_ledger_events_user ON magic_ledger_events (user_id, phase, id);
CREATE INDEX magic_ledger_events_phase ON magic_ledger_events (phase, id);

-- Who is running. Times are the database's, in Unix seconds, so that clocks of nodes don't matter.
CREATE TABLE magic_nodes (
    -- The life of the process.
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    started BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    data TEXT NOT NULL
);
