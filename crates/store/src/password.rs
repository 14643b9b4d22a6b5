//! Passwords: argon2id; bcrypt hashes from one-api are accepted. Slow by intent: callers run these on a
//! blocking thread.

use crate::error::{Result, StoreError};
use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};

/// The shortest and the longest password, in characters (the latter keeps hashing bounded).
pub const LENGTHS: std::ops::RangeInclusive<usize> = 8..=256;

fn argon() -> Result<Argon2<'static>> {
    let params =
        Params::new(19 * 1024, 2, 1, None).map_err(|_| StoreError::Internal("argon2 parameters".into()))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// The hash to store.
pub fn hash(password: &str) -> Result<String> {
    let mut salt = [0u8; 16];
    getrandom::fill(&mut salt).map_err(|_| StoreError::Internal("no randomness".into()))?;
    let salt = SaltString::encode_b64(&salt).map_err(|_| StoreError::Internal("salt".into()))?;
    let hash = argon()?.hash_password(password.as_bytes(), &salt);
    hash.map(|hash| hash.to_string()).map_err(|_| StoreError::Internal("a password can't be hashed".into()))
}

/// Whether the password fits the hash, and whether the hash is of an old kind that should be replaced.
pub fn verify(password: &str, stored: &str) -> (bool, bool) {
    if stored.starts_with("$2") {
        return (bcrypt::verify(password, stored).unwrap_or(false), true);
    }
    let fits = match (PasswordHash::new(stored), argon()) {
        (Ok(parsed), Ok(argon)) => argon.verify_password(password.as_bytes(), &parsed).is_ok(),
        _ => false,
    };
    (fits, false)
}

/// A hash that no password fits, for look-ups of names nobody has: the answer takes as long (SR-13).
pub fn dummy() -> &'static str {
    "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_verify_and_old_ones_are_marked() {
        let stored = hash("correct horse").unwrap();
        assert_eq!(verify("correct horse", &stored), (true, false));
        assert_eq!(verify("wrong", &stored), (false, false));
        let old = bcrypt::hash("123456", 4).unwrap();
        assert_eq!(verify("123456", &old), (true, true));
        assert_eq!(verify("", ""), (false, false));
        assert_eq!(verify("x", dummy()), (false, false));
    }
}
