-- What prices were when: a row for each change of a model's price, and of the options that prices are made of.
CREATE TABLE magic_price_history (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at_ms BIGINT NOT NULL,
    -- A model, or `option:` and the option's name.
    subject TEXT NOT NULL,
    -- JSON, or the option's value; empty: taken away.
    value TEXT NOT NULL,
    owner TEXT NOT NULL
);
CREATE INDEX magic_price_history_subject ON magic_price_history (subject, id);
