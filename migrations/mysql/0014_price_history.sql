-- What prices were when: a row for each change of a model's price, and of the options that prices are made of.
CREATE TABLE magic_price_history (
    id BIGINT AUTO_INCREMENT PRIMARY KEY,
    at_ms BIGINT NOT NULL,
    -- A model, or `option:` and the option's name.
    subject VARCHAR(255) NOT NULL,
    -- JSON, or the option's value; empty: taken away.
    value LONGTEXT NOT NULL,
    owner VARCHAR(255) NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE INDEX magic_price_history_subject ON magic_price_history (subject, id);
