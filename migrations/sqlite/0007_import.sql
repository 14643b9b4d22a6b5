-- What has been taken over from another installation, so that taking it over again changes nothing.
CREATE TABLE magic_imports (
    source TEXT NOT NULL,
    kind TEXT NOT NULL,
    old_id BIGINT NOT NULL,
    new_id BIGINT NOT NULL,
    PRIMARY KEY (source, kind, old_id)
);
