-- Accounts at certificate authorities (ACME), shared by all nodes. Ids here are digests of names.
CREATE TABLE magic_acme_accounts (
    id BIGINT PRIMARY KEY,
    directory LONGTEXT NOT NULL,
    credentials_sealed LONGTEXT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Certificates that an authority has issued, and who is about to order one. Times are the database's, in Unix seconds.
CREATE TABLE magic_certificates (
    id BIGINT PRIMARY KEY,
    host VARCHAR(255) NOT NULL,
    -- Empty: there is none yet.
    chain_pem LONGTEXT NOT NULL,
    key_sealed LONGTEXT NOT NULL,
    until_at BIGINT NOT NULL,
    -- One node orders at a time, until then; after a failure nobody does before then.
    busy_until BIGINT NOT NULL,
    failures BIGINT NOT NULL,
    -- What the authority said last; empty: nothing.
    failure LONGTEXT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- What an authority may ask any node for while an order is under way.
CREATE TABLE magic_acme_proofs (
    id BIGINT PRIMARY KEY,
    host VARCHAR(255) NOT NULL,
    token VARCHAR(255) NOT NULL,
    proof LONGTEXT NOT NULL,
    -- Forgotten then.
    until_at BIGINT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
