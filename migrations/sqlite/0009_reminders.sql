-- Who has been told that the balance runs low; gone once it is filled up again. The row is the lock: of several
-- nodes one writes the mail.
CREATE TABLE magic_reminders (
    user_id BIGINT PRIMARY KEY,
    at BIGINT NOT NULL
);
