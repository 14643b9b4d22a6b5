-- What the conformance check has found: which channel can do what with which of its vendor's models.
CREATE TABLE magic_capabilities (
    channel_id BIGINT NOT NULL,
    model VARCHAR(191) NOT NULL,
    feature VARCHAR(32) NOT NULL,
    verdict VARCHAR(16) NOT NULL,
    detail LONGTEXT NOT NULL,
    checked_at BIGINT NOT NULL,
    PRIMARY KEY (channel_id, model, feature)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
