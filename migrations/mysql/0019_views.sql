-- What users of the dashboard have kept of its lists: filters under a name.
CREATE TABLE magic_views (
    user_id BIGINT NOT NULL,
    -- The page's address, and what stands behind it.
    page VARCHAR(100) NOT NULL,
    name VARCHAR(100) NOT NULL,
    query LONGTEXT NOT NULL,
    PRIMARY KEY (user_id, page, name)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
