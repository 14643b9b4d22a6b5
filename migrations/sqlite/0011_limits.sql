-- Limits of accounts, keys that work on for a while after their rotation, and what has been spent of budgets.
ALTER TABLE magic_users ADD COLUMN limits TEXT;

ALTER TABLE magic_tokens ADD COLUMN old_hash TEXT;
ALTER TABLE magic_tokens ADD COLUMN old_tail TEXT;
ALTER TABLE magic_tokens ADD COLUMN old_until BIGINT NOT NULL DEFAULT 0;
CREATE INDEX magic_tokens_old ON magic_tokens (old_hash);

-- A row per process life, object and period, so that nodes never wait for each other. The period is a day
-- (20261126) or a month (202611) of the installation's time zone.
CREATE TABLE magic_spent (
    period BIGINT NOT NULL,
    owner TEXT NOT NULL,
    epoch TEXT NOT NULL,
    amount BIGINT NOT NULL,
    PRIMARY KEY (period, owner, epoch)
) WITHOUT ROWID;

-- The keys of channels that have several. The status is as a channel's: 1 enabled, 2 disabled, 3 automatically.
CREATE TABLE magic_channel_keys (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    channel_id BIGINT NOT NULL,
    key_sealed TEXT NOT NULL,
    key_tail TEXT NOT NULL,
    status BIGINT NOT NULL DEFAULT 1,
    reason TEXT NOT NULL,
    changed_time BIGINT NOT NULL,
    used BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX magic_channel_keys_channel ON magic_channel_keys (channel_id);
