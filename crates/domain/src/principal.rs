//! Who calls: users, their tokens, and what each may do.

use crate::ids::{TokenId, UserId};
use serde::{Deserialize, Serialize};

/// Roles as one-api numbers them. Ordered: a later one may do all an earlier one may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "i64", into = "i64")]
pub enum Role {
    Guest,
    User,
    Admin,
    Root,
}

impl From<i64> for Role {
    fn from(number: i64) -> Self {
        match number {
            100.. => Role::Root,
            10..=99 => Role::Admin,
            1..=9 => Role::User,
            _ => Role::Guest,
        }
    }
}

impl From<Role> for i64 {
    fn from(role: Role) -> i64 {
        match role {
            Role::Guest => 0,
            Role::User => 1,
            Role::Admin => 10,
            Role::Root => 100,
        }
    }
}

/// Statuses of users: 1 enabled, 2 banned, 3 deleted.
pub mod user_status {
    pub const ENABLED: i64 = 1;
    pub const BANNED: i64 = 2;
    pub const DELETED: i64 = 3;
}

/// Statuses of tokens: 1 enabled, 2 disabled, 3 expired, 4 exhausted. The last two are views: a token is
/// expired when its time has passed and exhausted when its quota is used, whatever its row says.
pub mod token_status {
    pub const ENABLED: i64 = 1;
    pub const DISABLED: i64 = 2;
    pub const EXPIRED: i64 = 3;
    pub const EXHAUSTED: i64 = 4;
}

/// What the proxy keeps of a user in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    pub id: UserId,
    pub username: String,
    pub role: Role,
    pub status: i64,
    pub group: String,
    pub limits: crate::limits::Limits,
}

/// What the proxy keeps of a token in memory, under the SHA-256 of its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    pub id: TokenId,
    pub user_id: UserId,
    pub name: String,
    pub status: i64,
    /// Unix seconds; -1 is never.
    pub expired_time: i64,
    pub unlimited_quota: bool,
    /// Models it may call; empty is all of its groups'.
    pub models: Vec<String>,
    /// Networks it may be used from, as CIDR text; empty is any.
    pub subnets: Vec<String>,
    /// Groups to try in this order; empty is the user's.
    pub groups: Vec<String>,
    pub limits: crate::limits::Limits,
    /// The key it had before its last rotation, while that one still works.
    pub old_key: Option<OldKey>,
    /// Its owner wants its calls' bodies kept; the operator must allow it too.
    pub capture: bool,
}

/// A key that works on for a while after it has been replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OldKey {
    /// The SHA-256 of the key.
    pub hash: [u8; 32],
    /// Unix seconds; from then on it is no key.
    pub until: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_ordered() {
        assert!(Role::Root > Role::Admin && Role::Admin > Role::User && Role::User > Role::Guest);
        assert_eq!(Role::from(10), Role::Admin);
        assert_eq!(Role::from(-1), Role::Guest);
        assert_eq!(i64::from(Role::Root), 100);
    }
}
