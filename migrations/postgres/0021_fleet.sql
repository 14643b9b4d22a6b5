-- What is done once for all nodes, and which of them does it until when. Times are the database's, in Unix seconds.
CREATE TABLE magic_duties (
    name TEXT PRIMARY KEY,
    -- The life of the process.
    node TEXT NOT NULL,
    until BIGINT NOT NULL
);

-- Somebody has asked that no more be sent to this node: it says so at /readyz.
ALTER TABLE magic_nodes ADD COLUMN resting BIGINT NOT NULL DEFAULT 0;

-- Process lives whose journals are lost, as somebody has said: they get no lease any more.
CREATE TABLE magic_lost (
    epoch TEXT PRIMARY KEY,
    at BIGINT NOT NULL
);

-- What they had set aside and was charged as a loss; less what has turned up since.
CREATE TABLE magic_losses (
    epoch TEXT NOT NULL,
    scope TEXT NOT NULL,
    owner_id BIGINT NOT NULL,
    amount BIGINT NOT NULL,
    PRIMARY KEY (epoch, scope, owner_id)
);
