-- Answers of the Responses API: what vendors that keep none need of them, and who keeps the others.
CREATE TABLE magic_responses (
    id VARCHAR(191) PRIMARY KEY,
    user_id BIGINT NOT NULL,
    channel_id BIGINT NOT NULL,
    created_time BIGINT NOT NULL,
    input LONGTEXT NOT NULL,
    response LONGTEXT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE INDEX magic_responses_time ON magic_responses (created_time);
