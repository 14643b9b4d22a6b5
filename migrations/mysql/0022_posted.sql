-- How many batches of finished calls have been posted by each process life. A process that has posted more than it finds
-- here knows that the database has come back without its last commits, and posts them again.
CREATE TABLE magic_posted (
    epoch VARCHAR(128) PRIMARY KEY,
    batches BIGINT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
