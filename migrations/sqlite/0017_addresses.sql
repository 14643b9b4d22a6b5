-- Addresses are kept in lower case: those from before that rule. The index on LOWER(email) stays for older versions.
UPDATE magic_users SET email = LOWER(email) WHERE email <> LOWER(email);
