-- Passkeys (WebAuthn). Public keys alone: nothing here opens anything.
CREATE TABLE magic_passkeys (
    id BIGINT AUTO_INCREMENT PRIMARY KEY,
    user_id BIGINT NOT NULL,
    -- The digest of the credential's id, which may be too long for an index.
    credential_hash VARCHAR(128) NOT NULL,
    -- In base64url, like the key (COSE).
    credential_id LONGTEXT NOT NULL,
    public_key LONGTEXT NOT NULL,
    algorithm BIGINT NOT NULL,
    counter BIGINT NOT NULL,
    -- What authenticators know the account by.
    handle VARCHAR(128) NOT NULL,
    -- The host that it belongs to.
    rp_id VARCHAR(255) NOT NULL,
    name VARCHAR(255) NOT NULL,
    -- A list, in JSON.
    transports LONGTEXT NOT NULL,
    synced BIGINT NOT NULL,
    created_time BIGINT NOT NULL,
    used_time BIGINT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE UNIQUE INDEX magic_passkeys_credential ON magic_passkeys (credential_hash);
CREATE INDEX magic_passkeys_user ON magic_passkeys (user_id);

-- What authenticators are asked to sign: each good once.
CREATE TABLE magic_passkey_challenges (
    challenge_hash VARCHAR(128) PRIMARY KEY,
    purpose VARCHAR(32) NOT NULL,
    user_id BIGINT NOT NULL,
    epoch BIGINT NOT NULL,
    handle VARCHAR(128) NOT NULL,
    expires_at BIGINT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE INDEX magic_passkey_challenges_expiry ON magic_passkey_challenges (expires_at);
