-- Signing in by others and second factors. Secrets are kept as digests or sealed.
CREATE TABLE magic_oauth_states (
    state_hash VARCHAR(128) PRIMARY KEY,
    browser_hash VARCHAR(128) NOT NULL,
    purpose VARCHAR(32) NOT NULL,
    user_id BIGINT NOT NULL,
    epoch BIGINT NOT NULL,
    verifier_sealed LONGTEXT NOT NULL,
    nonce VARCHAR(128) NOT NULL,
    expires_at BIGINT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE INDEX magic_oauth_states_expiry ON magic_oauth_states (expires_at);

-- One row per account with a second factor, or one that is being set up (active = 0).
CREATE TABLE magic_totp (
    user_id BIGINT PRIMARY KEY,
    secret_sealed LONGTEXT NOT NULL,
    active BIGINT NOT NULL,
    last_step BIGINT NOT NULL,
    wrong BIGINT NOT NULL,
    wrong_since BIGINT NOT NULL,
    created_time BIGINT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE magic_totp_recovery (
    user_id BIGINT NOT NULL,
    code_hash VARCHAR(128) NOT NULL,
    PRIMARY KEY (user_id, code_hash)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Who has an account elsewhere: looked up at every sign-in, unique among live accounts by the lock below.
CREATE INDEX magic_users_github ON magic_users (github_id);
CREATE INDEX magic_users_oidc ON magic_users (oidc_id);
CREATE INDEX magic_users_lark ON magic_users (lark_id);
CREATE INDEX magic_users_wechat ON magic_users (wechat_id);
INSERT INTO magic_state (name, value) VALUES ('identities', '');
