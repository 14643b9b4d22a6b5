-- What has been taken over from another installation, so that taking it over again changes nothing.
CREATE TABLE magic_imports (
    source VARCHAR(64) NOT NULL,
    kind VARCHAR(64) NOT NULL,
    old_id BIGINT NOT NULL,
    new_id BIGINT NOT NULL,
    PRIMARY KEY (source, kind, old_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
