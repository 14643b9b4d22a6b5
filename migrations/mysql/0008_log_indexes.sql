-- The log is read newest first by time, with any one filter; each filter finds its rows in order.
DROP INDEX magic_logs_user ON magic_logs;
DROP INDEX magic_logs_time ON magic_logs;
CREATE INDEX magic_logs_by_recent ON magic_logs (created_at, id);
CREATE INDEX magic_logs_by_kind ON magic_logs (type, created_at, id);
CREATE INDEX magic_logs_by_owner ON magic_logs (user_id, created_at, id);
CREATE INDEX magic_logs_by_model ON magic_logs (model_name, created_at, id);
CREATE INDEX magic_logs_by_token ON magic_logs (token_name, created_at, id);
CREATE INDEX magic_logs_by_channel ON magic_logs (channel_id, created_at, id);
