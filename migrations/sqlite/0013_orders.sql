-- Payments: what a user has been asked to pay, in the currency's smallest unit, and what the balance gets for it, in
-- nano-dollars. An order is paid once, and by one notification of its provider.
CREATE TABLE magic_orders (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    number TEXT NOT NULL UNIQUE,
    user_id BIGINT NOT NULL,
    provider TEXT NOT NULL,
    amount BIGINT NOT NULL,
    currency TEXT NOT NULL,
    price BIGINT NOT NULL,
    status BIGINT NOT NULL DEFAULT 0,
    reference TEXT NOT NULL,
    event_id TEXT UNIQUE,
    created_ms BIGINT NOT NULL,
    paid_ms BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX magic_orders_user ON magic_orders (user_id, id);
CREATE INDEX magic_orders_status ON magic_orders (status, id);
