-- What is done once for all nodes, and which of them does it until when. Times are the database's, in Unix seconds.
CREATE TABLE magic_duties (
    name VARCHAR(128) PRIMARY KEY,
    -- The life of the process.
    node VARCHAR(128) NOT NULL,
    until BIGINT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Somebody has asked that no more be sent to this node: it says so at /readyz.
ALTER TABLE magic_nodes ADD COLUMN resting BIGINT NOT NULL DEFAULT 0;

-- Process lives whose journals are lost, as somebody has said: they get no lease any more.
CREATE TABLE magic_lost (
    epoch VARCHAR(128) PRIMARY KEY,
    at BIGINT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- What they had set aside and was charged as a loss; less what has turned up since.
CREATE TABLE magic_losses (
    epoch VARCHAR(128) NOT NULL,
    scope VARCHAR(128) NOT NULL,
    owner_id BIGINT NOT NULL,
    amount BIGINT NOT NULL,
    PRIMARY KEY (epoch, scope, owner_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
