-- Vouchers, and the trail of what people have changed. A voucher's code is found by its digest and kept sealed, so
-- that an administrator can hand it out again; amounts are nano-dollars.
CREATE TABLE magic_vouchers (
    id BIGSERIAL PRIMARY KEY,
    code_hash TEXT NOT NULL UNIQUE,
    code_sealed TEXT NOT NULL,
    code_prefix TEXT NOT NULL,
    code_tail TEXT NOT NULL,
    user_id BIGINT NOT NULL,
    status BIGINT NOT NULL DEFAULT 1,
    name TEXT NOT NULL,
    amount BIGINT NOT NULL,
    created_time BIGINT NOT NULL,
    expired_time BIGINT NOT NULL DEFAULT -1,
    redeemed_time BIGINT NOT NULL DEFAULT 0,
    redeemed_by BIGINT NOT NULL DEFAULT 0,
    batch TEXT NOT NULL,
    owner TEXT NOT NULL
);
CREATE INDEX magic_vouchers_status ON magic_vouchers (status, id);
CREATE INDEX magic_vouchers_batch ON magic_vouchers (batch);

CREATE TABLE magic_audit (
    id BIGINT PRIMARY KEY,
    at_ms BIGINT NOT NULL,
    user_id BIGINT NOT NULL,
    username TEXT NOT NULL,
    ip TEXT NOT NULL,
    method TEXT NOT NULL,
    path TEXT NOT NULL,
    request_id TEXT NOT NULL,
    status BIGINT NOT NULL,
    detail TEXT NOT NULL,
    prev_hash TEXT NOT NULL,
    hash TEXT NOT NULL
);
CREATE INDEX magic_audit_user ON magic_audit (user_id, id);
