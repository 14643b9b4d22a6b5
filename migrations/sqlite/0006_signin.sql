-- Signing in by others and second factors. Secrets are kept as digests or sealed.
CREATE TABLE magic_oauth_states (
    state_hash TEXT PRIMARY KEY,
    browser_hash TEXT NOT NULL,
    purpose TEXT NOT NULL,
    user_id INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    verifier_sealed TEXT NOT NULL,
    nonce TEXT NOT NULL,
    expires_at INTEGER NOT NULL
);
CREATE INDEX magic_oauth_states_expiry ON magic_oauth_states (expires_at);

-- One row per account with a second factor, or one that is being set up (active = 0).
CREATE TABLE magic_totp (
    user_id INTEGER PRIMARY KEY,
    secret_sealed TEXT NOT NULL,
    active INTEGER NOT NULL,
    last_step INTEGER NOT NULL,
    wrong INTEGER NOT NULL,
    wrong_since INTEGER NOT NULL,
    created_time INTEGER NOT NULL
);

CREATE TABLE magic_totp_recovery (
    user_id INTEGER NOT NULL,
    code_hash TEXT NOT NULL,
    PRIMARY KEY (user_id, code_hash)
);

-- Who has an account elsewhere: looked up at every sign-in, unique among live accounts by the lock below.
CREATE INDEX magic_users_github ON magic_users (github_id);
CREATE INDEX magic_users_oidc ON magic_users (oidc_id);
CREATE INDEX magic_users_lark ON magic_users (lark_id);
CREATE INDEX magic_users_wechat ON magic_users (wechat_id);
INSERT INTO magic_state (name, value) VALUES ('identities', '');
