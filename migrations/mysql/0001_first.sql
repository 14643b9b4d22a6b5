-- The first schema. Money is nano-dollars in 64-bit integers; times are Unix seconds unless the name says _ms.

CREATE TABLE magic_state (
    name VARCHAR(128) PRIMARY KEY,
    value LONGTEXT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE magic_users (
    id BIGINT AUTO_INCREMENT PRIMARY KEY,
    username VARCHAR(191) NOT NULL UNIQUE,
    password_hash LONGTEXT NOT NULL,
    display_name LONGTEXT NOT NULL,
    role BIGINT NOT NULL DEFAULT 1,
    status BIGINT NOT NULL DEFAULT 1,
    email VARCHAR(191) NOT NULL,
    github_id VARCHAR(191) NOT NULL,
    wechat_id VARCHAR(191) NOT NULL,
    lark_id VARCHAR(191) NOT NULL,
    oidc_id VARCHAR(191) NOT NULL,
    access_token_hash VARCHAR(128),
    access_token_tail VARCHAR(128) NOT NULL,
    balance BIGINT NOT NULL DEFAULT 0,
    leased BIGINT NOT NULL DEFAULT 0,
    used BIGINT NOT NULL DEFAULT 0,
    request_count BIGINT NOT NULL DEFAULT 0,
    grp VARCHAR(128) NOT NULL,
    aff_code VARCHAR(128) NOT NULL,
    inviter_id BIGINT NOT NULL DEFAULT 0,
    epoch BIGINT NOT NULL DEFAULT 0,
    must_change BIGINT NOT NULL DEFAULT 0,
    owner VARCHAR(128) NOT NULL,
    created_time BIGINT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE UNIQUE INDEX magic_users_access_token ON magic_users (access_token_hash);
CREATE INDEX magic_users_email ON magic_users (email);

CREATE TABLE magic_tokens (
    id BIGINT AUTO_INCREMENT PRIMARY KEY,
    user_id BIGINT NOT NULL,
    key_hash VARCHAR(128) NOT NULL UNIQUE,
    key_prefix VARCHAR(128) NOT NULL,
    key_tail VARCHAR(128) NOT NULL,
    status BIGINT NOT NULL DEFAULT 1,
    name VARCHAR(191) NOT NULL,
    created_time BIGINT NOT NULL,
    accessed_time BIGINT NOT NULL,
    expired_time BIGINT NOT NULL DEFAULT -1,
    remain BIGINT NOT NULL DEFAULT 0,
    leased BIGINT NOT NULL DEFAULT 0,
    unlimited BIGINT NOT NULL DEFAULT 0,
    used BIGINT NOT NULL DEFAULT 0,
    models LONGTEXT NOT NULL,
    subnet LONGTEXT NOT NULL,
    grps LONGTEXT NOT NULL,
    limits LONGTEXT NOT NULL,
    owner VARCHAR(128) NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE INDEX magic_tokens_user ON magic_tokens (user_id);

CREATE TABLE magic_channels (
    id BIGINT AUTO_INCREMENT PRIMARY KEY,
    uid VARCHAR(128) NOT NULL UNIQUE,
    kind BIGINT NOT NULL,
    key_sealed LONGTEXT NOT NULL,
    key_tail VARCHAR(128) NOT NULL,
    status BIGINT NOT NULL DEFAULT 1,
    disabled_reason LONGTEXT NOT NULL,
    name VARCHAR(191) NOT NULL,
    weight BIGINT NOT NULL DEFAULT 0,
    created_time BIGINT NOT NULL,
    test_time BIGINT NOT NULL DEFAULT 0,
    response_time BIGINT NOT NULL DEFAULT 0,
    base_url LONGTEXT NOT NULL,
    other LONGTEXT NOT NULL,
    balance DOUBLE NOT NULL DEFAULT 0,
    balance_updated_time BIGINT NOT NULL DEFAULT 0,
    models LONGTEXT NOT NULL,
    grps LONGTEXT NOT NULL,
    used BIGINT NOT NULL DEFAULT 0,
    model_mapping LONGTEXT NOT NULL,
    priority BIGINT NOT NULL DEFAULT 0,
    config LONGTEXT NOT NULL,
    system_prompt LONGTEXT NOT NULL,
    tags LONGTEXT NOT NULL,
    proxy_sealed LONGTEXT NOT NULL,
    ca_pem LONGTEXT NOT NULL,
    limits LONGTEXT NOT NULL,
    timeouts LONGTEXT NOT NULL,
    headers LONGTEXT NOT NULL,
    params LONGTEXT NOT NULL,
    owner VARCHAR(128) NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE magic_options (
    name VARCHAR(191) PRIMARY KEY,
    value LONGTEXT NOT NULL,
    owner VARCHAR(128) NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE magic_models (
    name VARCHAR(191) PRIMARY KEY,
    price LONGTEXT NOT NULL,
    owner VARCHAR(128) NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE magic_sessions (
    id_hash VARCHAR(128) PRIMARY KEY,
    user_id BIGINT NOT NULL,
    epoch BIGINT NOT NULL,
    csrf VARCHAR(128) NOT NULL,
    created_time BIGINT NOT NULL,
    seen_time BIGINT NOT NULL,
    ip VARCHAR(128) NOT NULL,
    agent LONGTEXT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE INDEX magic_sessions_user ON magic_sessions (user_id);

CREATE TABLE magic_logs (
    id BIGINT AUTO_INCREMENT PRIMARY KEY,
    user_id BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    type BIGINT NOT NULL,
    content LONGTEXT NOT NULL,
    username VARCHAR(191) NOT NULL,
    token_name VARCHAR(191) NOT NULL,
    model_name VARCHAR(191) NOT NULL,
    quota BIGINT NOT NULL DEFAULT 0,
    cost BIGINT NOT NULL DEFAULT 0,
    prompt_tokens BIGINT NOT NULL DEFAULT 0,
    completion_tokens BIGINT NOT NULL DEFAULT 0,
    channel_id BIGINT NOT NULL DEFAULT 0,
    request_id VARCHAR(128) NOT NULL,
    elapsed_time BIGINT NOT NULL DEFAULT 0,
    is_stream BIGINT NOT NULL DEFAULT 0,
    system_prompt_reset BIGINT NOT NULL DEFAULT 0,
    mark VARCHAR(128) NOT NULL,
    status BIGINT NOT NULL DEFAULT 0,
    error VARCHAR(191) NOT NULL,
    endpoint VARCHAR(128) NOT NULL,
    detail LONGTEXT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE INDEX magic_logs_user ON magic_logs (user_id, id);
CREATE INDEX magic_logs_time ON magic_logs (created_at, type);
CREATE INDEX magic_logs_request ON magic_logs (request_id);

CREATE TABLE magic_ledger_events (
    id BIGINT AUTO_INCREMENT PRIMARY KEY,
    request_id VARCHAR(128) NOT NULL,
    phase VARCHAR(128) NOT NULL,
    at_ms BIGINT NOT NULL,
    reserved BIGINT NOT NULL DEFAULT 0,
    price_version BIGINT NOT NULL DEFAULT 0,
    detail LONGTEXT NOT NULL,
    UNIQUE (request_id, phase)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE magic_ledger_entries (
    request_id VARCHAR(128) NOT NULL,
    phase VARCHAR(128) NOT NULL,
    account VARCHAR(128) NOT NULL,
    amount BIGINT NOT NULL,
    PRIMARY KEY (request_id, phase, account)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE magic_leases (
    epoch VARCHAR(128) NOT NULL,
    scope VARCHAR(128) NOT NULL,
    owner_id BIGINT NOT NULL,
    amount BIGINT NOT NULL,
    PRIMARY KEY (epoch, scope, owner_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
