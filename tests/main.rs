//! The gateway from outside: the real binary, real sockets, real databases.
#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod accounts;
mod admin;
mod captures;
mod cli;
mod conformance;
mod corpus;
mod dialects;
mod edge;
mod failover;
mod fleet;
mod groups;
mod harness;
mod import;
mod keys;
mod ledger;
mod limits;
mod logs;
mod master_key;
mod matrix;
mod money;
mod nodes;
mod oneapi;
mod passkeys;
mod payments;
mod prices;
mod prompts;
mod responses;
mod rotation;
mod rules;
mod signin;
mod stats;
mod streams;
mod upkeep;
mod vendors;
mod vouchers;
