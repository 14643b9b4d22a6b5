-- Vouchers, and the trail of what people have changed. A voucher's code is found by its digest and kept sealed, so
-- that an administrator can hand it out again; amounts are nano-dollars.
CREATE TABLE magic_vouchers (
    id BIGINT AUTO_INCREMENT PRIMARY KEY,
    code_hash VARCHAR(128) NOT NULL UNIQUE,
    code_sealed LONGTEXT NOT NULL,
    code_prefix VARCHAR(128) NOT NULL,
    code_tail VARCHAR(128) NOT NULL,
    user_id BIGINT NOT NULL,
    status BIGINT NOT NULL DEFAULT 1,
    name VARCHAR(191) NOT NULL,
    amount BIGINT NOT NULL,
    created_time BIGINT NOT NULL,
    expired_time BIGINT NOT NULL DEFAULT -1,
    redeemed_time BIGINT NOT NULL DEFAULT 0,
    redeemed_by BIGINT NOT NULL DEFAULT 0,
    batch VARCHAR(128) NOT NULL,
    owner VARCHAR(128) NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE INDEX magic_vouchers_status ON magic_vouchers (status, id);
CREATE INDEX magic_vouchers_batch ON magic_vouchers (batch);

CREATE TABLE magic_audit (
    id BIGINT PRIMARY KEY,
    at_ms BIGINT NOT NULL,
    user_id BIGINT NOT NULL,
    username VARCHAR(191) NOT NULL,
    ip VARCHAR(128) NOT NULL,
    method VARCHAR(16) NOT NULL,
    path LONGTEXT NOT NULL,
    request_id VARCHAR(128) NOT NULL,
    status BIGINT NOT NULL,
    detail LONGTEXT NOT NULL,
    prev_hash VARCHAR(128) NOT NULL,
    hash VARCHAR(128) NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE INDEX magic_audit_user ON magic_audit (user_id, id);
