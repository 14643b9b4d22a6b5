-- The first schema. Money is nano-dollars in 64-bit integers; times are Unix seconds unless the name says _ms.

CREATE TABLE magic_state (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

CREATE TABLE magic_users (
    id BIGSERIAL PRIMARY KEY,
    username TEXT NOT NULL UNIQUE,
    password_hash TEXT NOT NULL,
    display_name TEXT NOT NULL,
    role BIGINT NOT NULL DEFAULT 1,
    status BIGINT NOT NULL DEFAULT 1,
    email TEXT NOT NULL,
    github_id TEXT NOT NULL,
    wechat_id TEXT NOT NULL,
    lark_id TEXT NOT NULL,
    oidc_id TEXT NOT NULL,
    access_token_hash TEXT,
    access_token_tail TEXT NOT NULL,
    balance BIGINT NOT NULL DEFAULT 0,
    leased BIGINT NOT NULL DEFAULT 0,
    used BIGINT NOT NULL DEFAULT 0,
    request_count BIGINT NOT NULL DEFAULT 0,
    grp TEXT NOT NULL,
    aff_code TEXT NOT NULL,
    inviter_id BIGINT NOT NULL DEFAULT 0,
    epoch BIGINT NOT NULL DEFAULT 0,
    must_change BIGINT NOT NULL DEFAULT 0,
    owner TEXT NOT NULL,
    created_time BIGINT NOT NULL
);
CREATE UNIQUE INDEX magic_users_access_token ON magic_users (access_token_hash);
CREATE INDEX magic_users_email ON magic_users (email);

CREATE TABLE magic_tokens (
    id BIGSERIAL PRIMARY KEY,
    user_id BIGINT NOT NULL,
    key_hash TEXT NOT NULL UNIQUE,
    key_prefix TEXT NOT NULL,
    key_tail TEXT NOT NULL,
    status BIGINT NOT NULL DEFAULT 1,
    name TEXT NOT NULL,
    created_time BIGINT NOT NULL,
    accessed_time BIGINT NOT NULL,
    expired_time BIGINT NOT NULL DEFAULT -1,
    remain BIGINT NOT NULL DEFAULT 0,
    leased BIGINT NOT NULL DEFAULT 0,
    unlimited BIGINT NOT NULL DEFAULT 0,
    used BIGINT NOT NULL DEFAULT 0,
    models TEXT NOT NULL,
    subnet TEXT NOT NULL,
    grps TEXT NOT NULL,
    limits TEXT NOT NULL,
    owner TEXT NOT NULL
);
CREATE INDEX magic_tokens_user ON magic_tokens (user_id);

CREATE TABLE magic_channels (
    id BIGSERIAL PRIMARY KEY,
    uid TEXT NOT NULL UNIQUE,
    kind BIGINT NOT NULL,
    key_sealed TEXT NOT NULL,
    key_tail TEXT NOT NULL,
    status BIGINT NOT NULL DEFAULT 1,
    disabled_reason TEXT NOT NULL,
    name TEXT NOT NULL,
    weight BIGINT NOT NULL DEFAULT 0,
    created_time BIGINT NOT NULL,
    test_time BIGINT NOT NULL DEFAULT 0,
    response_time BIGINT NOT NULL DEFAULT 0,
    base_url TEXT NOT NULL,
    other TEXT NOT NULL,
    balance DOUBLE PRECISION NOT NULL DEFAULT 0,
    balance_updated_time BIGINT NOT NULL DEFAULT 0,
    models TEXT NOT NULL,
    grps TEXT NOT NULL,
    used BIGINT NOT NULL DEFAULT 0,
    model_mapping TEXT NOT NULL,
    priority BIGINT NOT NULL DEFAULT 0,
    config TEXT NOT NULL,
    system_prompt TEXT NOT NULL,
    tags TEXT NOT NULL,
    proxy_sealed TEXT NOT NULL,
    ca_pem TEXT NOT NULL,
    limits TEXT NOT NULL,
    timeouts TEXT NOT NULL,
    headers TEXT NOT NULL,
    params TEXT NOT NULL,
    owner TEXT NOT NULL
);

CREATE TABLE magic_options (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL,
    owner TEXT NOT NULL
);

CREATE TABLE magic_models (
    name TEXT PRIMARY KEY,
    price TEXT NOT NULL,
    owner TEXT NOT NULL
);

CREATE TABLE magic_sessions (
    id_hash TEXT PRIMARY KEY,
    user_id BIGINT NOT NULL,
    epoch BIGINT NOT NULL,
    csrf TEXT NOT NULL,
    created_time BIGINT NOT NULL,
    seen_time BIGINT NOT NULL,
    ip TEXT NOT NULL,
    agent TEXT NOT NULL
);
CREATE INDEX magic_sessions_user ON magic_sessions (user_id);

CREATE TABLE magic_logs (
    id BIGSERIAL PRIMARY KEY,
    user_id BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    type BIGINT NOT NULL,
    content TEXT NOT NULL,
    username TEXT NOT NULL,
    token_name TEXT NOT NULL,
    model_name TEXT NOT NULL,
    quota BIGINT NOT NULL DEFAULT 0,
    cost BIGINT NOT NULL DEFAULT 0,
    prompt_tokens BIGINT NOT NULL DEFAULT 0,
    completion_tokens BIGINT NOT NULL DEFAULT 0,
    channel_id BIGINT NOT NULL DEFAULT 0,
    request_id TEXT NOT NULL,
    elapsed_time BIGINT NOT NULL DEFAULT 0,
    is_stream BIGINT NOT NULL DEFAULT 0,
    system_prompt_reset BIGINT NOT NULL DEFAULT 0,
    mark TEXT NOT NULL,
    status BIGINT NOT NULL DEFAULT 0,
    error TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    detail TEXT NOT NULL
);
CREATE INDEX magic_logs_user ON magic_logs (user_id, id);
CREATE INDEX magic_logs_time ON magic_logs (created_at, type);
CREATE INDEX magic_logs_request ON magic_logs (request_id);

CREATE TABLE magic_ledger_events (
    id BIGSERIAL PRIMARY KEY,
    request_id TEXT NOT NULL,
    phase TEXT NOT NULL,
    at_ms BIGINT NOT NULL,
    reserved BIGINT NOT NULL DEFAULT 0,
    price_version BIGINT NOT NULL DEFAULT 0,
    detail TEXT NOT NULL,
    UNIQUE (request_id, phase)
);

CREATE TABLE magic_ledger_entries (
    request_id TEXT NOT NULL,
    phase TEXT NOT NULL,
    account TEXT NOT NULL,
    amount BIGINT NOT NULL,
    PRIMARY KEY (request_id, phase, account)
);

CREATE TABLE magic_leases (
    epoch TEXT NOT NULL,
    scope TEXT NOT NULL,
    owner_id BIGINT NOT NULL,
    amount BIGINT NOT NULL,
    PRIMARY KEY (epoch, scope, owner_id)
);
