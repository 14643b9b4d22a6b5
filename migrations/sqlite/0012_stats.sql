-- Sums of the log: what (dim), how long (step, seconds) and since when (slot, Unix seconds) they are of. See
-- crates/store/src/stats.rs.
CREATE TABLE magic_stats (
    dim BIGINT NOT NULL,
    step BIGINT NOT NULL,
    num BIGINT NOT NULL,
    slot BIGINT NOT NULL,
    name TEXT NOT NULL,
    model TEXT NOT NULL,
    calls BIGINT NOT NULL,
    failed BIGINT NOT NULL,
    cost BIGINT NOT NULL,
    prompt_tokens BIGINT NOT NULL,
    completion_tokens BIGINT NOT NULL,
    PRIMARY KEY (dim, step, num, slot, name, model)
) WITHOUT ROWID;
CREATE INDEX magic_stats_by_time ON magic_stats (dim, step, slot);
INSERT INTO magic_state (name, value) VALUES ('stats_upto', '0');

-- Filters of the log that come together are told apart inside the index, without the rows.
DROP INDEX magic_logs_by_owner;
DROP INDEX magic_logs_by_model;
DROP INDEX magic_logs_by_token;
DROP INDEX magic_logs_by_channel;
CREATE INDEX magic_logs_by_owner ON magic_logs (user_id, created_at, id, model_name, token_name, type, channel_id);
CREATE INDEX magic_logs_by_model ON magic_logs (model_name, created_at, id, token_name, type, channel_id);
CREATE INDEX magic_logs_by_token ON magic_logs (token_name, created_at, id, user_id, type);
CREATE INDEX magic_logs_by_channel ON magic_logs (channel_id, created_at, id, model_name, type);

-- Lists are searched by how names begin, and counted without their rows.
CREATE INDEX magic_users_by_shown ON magic_users (display_name);
CREATE INDEX magic_users_by_status ON magic_users (status, id);
CREATE INDEX magic_tokens_by_name ON magic_tokens (user_id, name);
CREATE INDEX magic_vouchers_by_name ON magic_vouchers (name);
CREATE INDEX magic_audit_by_time ON magic_audit (at_ms);
CREATE INDEX magic_audit_by_path ON magic_audit (path, id);
