-- What the conformance check has found: which channel can do what with which of its vendor's models.
CREATE TABLE magic_capabilities (
    channel_id INTEGER NOT NULL,
    model TEXT NOT NULL,
    feature TEXT NOT NULL,
    verdict TEXT NOT NULL,
    detail TEXT NOT NULL,
    checked_at INTEGER NOT NULL,
    PRIMARY KEY (channel_id, model, feature)
);
