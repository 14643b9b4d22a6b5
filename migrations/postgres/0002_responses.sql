-- Answers of the Responses API: what vendors that keep none need of them, and who keeps the others.
CREATE TABLE magic_responses (
    id TEXT PRIMARY KEY,
    user_id BIGINT NOT NULL,
    channel_id BIGINT NOT NULL,
    created_time BIGINT NOT NULL,
    input TEXT NOT NULL,
    response TEXT NOT NULL
);
CREATE INDEX magic_responses_time ON magic_responses (created_time);
