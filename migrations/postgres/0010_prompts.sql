-- Prompts: named texts in numbered versions that never change, and the labels that point at them.
CREATE TABLE magic_prompts (
    id BIGSERIAL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    description TEXT NOT NULL,
    owner TEXT NOT NULL,
    created_time BIGINT NOT NULL,
    updated_time BIGINT NOT NULL
);
CREATE TABLE magic_prompt_versions (
    prompt_id BIGINT NOT NULL,
    number BIGINT NOT NULL,
    digest TEXT NOT NULL,
    spec TEXT NOT NULL,
    created_time BIGINT NOT NULL,
    PRIMARY KEY (prompt_id, number)
);
CREATE TABLE magic_prompt_labels (
    prompt_id BIGINT NOT NULL,
    label TEXT NOT NULL,
    target TEXT NOT NULL,
    PRIMARY KEY (prompt_id, label)
);
-- A row per call of a prompt, beside its row in the log and as long as that.
CREATE TABLE magic_prompt_calls (
    id BIGSERIAL PRIMARY KEY,
    request_id TEXT NOT NULL,
    prompt TEXT NOT NULL,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    failed BIGINT NOT NULL,
    cost BIGINT NOT NULL,
    prompt_tokens BIGINT NOT NULL,
    completion_tokens BIGINT NOT NULL,
    elapsed BIGINT NOT NULL,
    first_byte BIGINT NOT NULL
);
CREATE INDEX magic_prompt_calls_prompt ON magic_prompt_calls (prompt, created_at);
CREATE INDEX magic_prompt_calls_time ON magic_prompt_calls (created_at);
