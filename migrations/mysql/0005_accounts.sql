-- Codes that prove an e-mail address, and invitation codes that nobody shares.
CREATE TABLE magic_codes (
    purpose VARCHAR(32) NOT NULL,
    email VARCHAR(191) NOT NULL,
    code_hash VARCHAR(128) NOT NULL,
    attempts BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (purpose, email)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE INDEX magic_codes_expiry ON magic_codes (expires_at);

UPDATE magic_users SET aff_code = '' WHERE id NOT IN
    (SELECT keep FROM (SELECT MIN(id) AS keep FROM magic_users GROUP BY aff_code) AS firsts);
-- There are no partial indexes here; several accounts have no code, and NULLs are not compared.
ALTER TABLE magic_users ADD COLUMN aff_unique VARCHAR(128) GENERATED ALWAYS AS (NULLIF(aff_code, '')) VIRTUAL;
CREATE UNIQUE INDEX magic_users_aff_code ON magic_users (aff_unique);
