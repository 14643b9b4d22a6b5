-- Addresses are kept in lower case: those from before that rule. Compared as bytes, whatever the collation.
UPDATE magic_users SET email = LOWER(email) WHERE CAST(email AS BINARY) <> CAST(LOWER(email) AS BINARY);
