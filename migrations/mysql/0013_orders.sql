-- Payments: what a user has been asked to pay, in the currency's smallest unit, and what the balance gets for it, in
-- nano-dollars. An order is paid once, and by one notification of its provider.
CREATE TABLE magic_orders (
    id BIGINT AUTO_INCREMENT PRIMARY KEY,
    number VARCHAR(191) NOT NULL UNIQUE,
    user_id BIGINT NOT NULL,
    provider VARCHAR(255) NOT NULL,
    amount BIGINT NOT NULL,
    currency VARCHAR(255) NOT NULL,
    price BIGINT NOT NULL,
    status BIGINT NOT NULL DEFAULT 0,
    reference VARCHAR(255) NOT NULL,
    event_id VARCHAR(191) UNIQUE,
    created_ms BIGINT NOT NULL,
    paid_ms BIGINT NOT NULL DEFAULT 0
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE INDEX magic_orders_user ON magic_orders (user_id, id);
CREATE INDEX magic_orders_status ON magic_orders (status, id);
