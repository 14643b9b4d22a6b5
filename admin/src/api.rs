//! The handlers, one file per kind of object.

pub mod accounts;
pub mod audit;
pub mod billing;
pub mod captures;
pub mod channels;
pub mod conformance;
pub mod factors;
pub mod groups;
pub mod keys;
pub mod ledger;
pub mod limits;
pub mod logs;
pub mod oauth;
pub mod options;
pub mod passkeys;
pub mod pay;
pub mod prices;
pub mod prompts;
pub mod sessions;
pub mod site;
pub mod stats;
pub mod tokens;
pub mod totp;
pub mod upkeep;
pub mod users;
pub mod vouchers;
