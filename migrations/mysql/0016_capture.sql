-- What calls of a token said and were told, where an operator and the token's owner want it kept.
ALTER TABLE magic_tokens ADD COLUMN capture BIGINT NOT NULL DEFAULT 0;

-- Redacted, then sealed. Beside the log, in its database.
CREATE TABLE magic_captures (
    id BIGINT AUTO_INCREMENT PRIMARY KEY,
    request_id VARCHAR(64) NOT NULL UNIQUE,
    user_id BIGINT NOT NULL,
    token_id BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    -- Bytes of the two sealed texts.
    size BIGINT NOT NULL,
    -- How long the bodies were, whatever of them is kept.
    request_bytes BIGINT NOT NULL,
    answer_bytes BIGINT NOT NULL,
    request_truncated BIGINT NOT NULL,
    answer_truncated BIGINT NOT NULL,
    request_sealed LONGTEXT NOT NULL,
    answer_sealed LONGTEXT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE INDEX magic_captures_user ON magic_captures (user_id, id);
CREATE INDEX magic_captures_token ON magic_captures (token_id, user_id);
CREATE INDEX magic_captures_time ON magic_captures (created_at, size);
