//! The database: SQLite, MySQL/MariaDB or PostgreSQL behind one handle.
//!
//! The store owns a runtime of its own; its methods run there and can be awaited from any other. Every call
//! has a deadline. Money moves in one transaction per batch, idempotent by request and phase; see [`ledger`].

mod backup;
mod bootstrap;
mod db;
mod error;
mod migrate;
mod notice;
mod reading;
mod run;

pub mod audit;
pub mod capabilities;
pub mod captures;
pub mod certificates;
pub mod channels;
pub mod choice;
pub mod codes;
pub mod dsn;
pub mod enrol;
pub mod groups;
pub mod import;
pub mod keys;
pub mod ledger;
pub mod load;
pub mod logs;
pub mod lost;
pub mod movements;
pub mod nodes;
pub mod orders;
pub mod owned;
pub mod passkeys;
pub mod password;
pub mod posted;
pub mod prices;
pub mod prompts;
pub mod reminders;
mod reseal;
pub mod responses;
pub mod sessions;
pub mod settings;
pub mod signin;
pub mod spent;
pub mod stats;
pub mod tokens;
pub mod totp;
pub mod users;
pub mod vault;
pub mod verify;
pub mod views;
pub mod vouchers;

pub use bootstrap::Bootstrap;
pub use dsn::Dsn;
pub use error::{Result, StoreError};
pub use notice::{Redis, RedisAt};
pub use run::{Config, Store};

/// Seconds since 1970.
pub(crate) fn now() -> i64 {
    chrono::Utc::now().timestamp()
}

/// The same, rounded up: a time that was promised from here on isn't cut short by the part of this second that is over.
pub(crate) fn next_second() -> i64 {
    chrono::Utc::now().timestamp_millis().saturating_add(999).div_euclid(1000)
}

/// A value that stands for "owned by the configuration file" in `owner` columns.
pub const FILE: &str = "file";
/// A value that stands for "owned by the database".
pub const DB: &str = "db";

/// 32 hex digits of chance.
pub(crate) fn random_id() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}

/// The SHA-256 of a text, in hex.
pub fn digest(text: &str) -> String {
    use sha2::{Digest, Sha256};
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A comma-separated list to its items, without blanks.
pub fn split_list(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
}
