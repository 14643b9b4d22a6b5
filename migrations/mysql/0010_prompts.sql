-- Prompts: named texts in numbered versions that never change, and the labels that point at them.
CREATE TABLE magic_prompts (
    id BIGINT AUTO_INCREMENT PRIMARY KEY,
    name VARCHAR(64) NOT NULL UNIQUE,
    description LONGTEXT NOT NULL,
    owner VARCHAR(191) NOT NULL,
    created_time BIGINT NOT NULL,
    updated_time BIGINT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE TABLE magic_prompt_versions (
    prompt_id BIGINT NOT NULL,
    number BIGINT NOT NULL,
    digest VARCHAR(64) NOT NULL,
    spec LONGTEXT NOT NULL,
    created_time BIGINT NOT NULL,
    PRIMARY KEY (prompt_id, number)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE TABLE magic_prompt_labels (
    prompt_id BIGINT NOT NULL,
    label VARCHAR(64) NOT NULL,
    target LONGTEXT NOT NULL,
    PRIMARY KEY (prompt_id, label)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
-- A row per call of a prompt, beside its row in the log and as long as that.
CREATE TABLE magic_prompt_calls (
    id BIGINT AUTO_INCREMENT PRIMARY KEY,
    request_id VARCHAR(64) NOT NULL,
    prompt VARCHAR(64) NOT NULL,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    failed BIGINT NOT NULL,
    cost BIGINT NOT NULL,
    prompt_tokens BIGINT NOT NULL,
    completion_tokens BIGINT NOT NULL,
    elapsed BIGINT NOT NULL,
    first_byte BIGINT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE INDEX magic_prompt_calls_prompt ON magic_prompt_calls (prompt, created_at);
CREATE INDEX magic_prompt_calls_time ON magic_prompt_calls (created_at);
