-- Codes that prove an e-mail address, and invitation codes that nobody shares.
CREATE TABLE magic_codes (
    purpose TEXT NOT NULL,
    email TEXT NOT NULL,
    code_hash TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (purpose, email)
);
CREATE INDEX magic_codes_expiry ON magic_codes (expires_at);

UPDATE magic_users SET aff_code = '' WHERE id NOT IN
    (SELECT keep FROM (SELECT MIN(id) AS keep FROM magic_users GROUP BY aff_code) AS firsts);
CREATE UNIQUE INDEX magic_users_aff_code ON magic_users (aff_code) WHERE aff_code <> '';
CREATE INDEX magic_users_email_lower ON magic_users (LOWER(email));
