-- Passkeys (WebAuthn). Public keys alone: nothing here opens anything.
CREATE TABLE magic_passkeys (
    id BIGSERIAL PRIMARY KEY,
    user_id BIGINT NOT NULL,
    -- The digest of the credential's id, which may be too long for an index.
    credential_hash TEXT NOT NULL,
    -- In base64url, like the key (COSE).
    credential_id TEXT NOT NULL,
    public_key TEXT NOT NULL,
    algorithm BIGINT NOT NULL,
    counter BIGINT NOT NULL,
    -- What authenticators know the account by.
    handle TEXT NOT NULL,
    -- The host that it belongs to.
    rp_id TEXT NOT NULL,
    name TEXT NOT NULL,
    -- A list, in JSON.
    transports TEXT NOT NULL,
    synced BIGINT NOT NULL,
    created_time BIGINT NOT NULL,
    used_time BIGINT NOT NULL
);
CREATE UNIQUE INDEX magic_passkeys_credential ON magic_passkeys (credential_hash);
CREATE INDEX magic_passkeys_user ON magic_passkeys (user_id);

-- What authenticators are asked to sign: each good once.
CREATE TABLE magic_passkey_challenges (
    challenge_hash TEXT PRIMARY KEY,
    purpose TEXT NOT NULL,
    user_id BIGINT NOT NULL,
    epoch BIGINT NOT NULL,
    handle TEXT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX magic_passkey_challenges_expiry ON magic_passkey_challenges (expires_at);
