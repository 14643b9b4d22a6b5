-- What users of the dashboard have kept of its lists: filters under a name.
CREATE TABLE magic_views (
    user_id BIGINT NOT NULL,
    -- The page's address, and what stands behind it.
    page TEXT NOT NULL,
    name TEXT NOT NULL,
    query TEXT NOT NULL,
    PRIMARY KEY (user_id, page, name)
);
