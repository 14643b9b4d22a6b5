-- Accounts at certificate authorities (ACME), shared by all nodes. Ids here are digests of names.
CREATE TABLE magic_acme_accounts (
    id BIGINT PRIMARY KEY,
    directory TEXT NOT NULL,
    credentials_sealed TEXT NOT NULL
);

-- Certificates that an authority has issued, and who is about to order one. Times are the database's, in Unix seconds.
CREATE TABLE magic_certificates (
    id BIGINT PRIMARY KEY,
    host TEXT NOT NULL,
    -- Empty: there is none yet.
    chain_pem TEXT NOT NULL,
    key_sealed TEXT NOT NULL,
    until_at BIGINT NOT NULL,
    -- One node orders at a time, until then; after a failure nobody does before then.
    busy_until BIGINT NOT NULL,
    failures BIGINT NOT NULL,
    -- What the authority said last; empty: nothing.
    failure TEXT NOT NULL
);

-- What an authority may ask any node for while an order is under way.
CREATE TABLE magic_acme_proofs (
    id BIGINT PRIMARY KEY,
    host TEXT NOT NULL,
    token TEXT NOT NULL,
    proof TEXT NOT NULL,
    -- Forgotten then.
    until_at BIGINT NOT NULL
);
