//! The `magic` binary's parts: the proxy, its shared state, and the composition of everything.
//!
//! A request's way is told in `ARCHITECTURE.md`; the filters are in [`proxy`], in the order they run.

pub mod app;
pub mod ask;
pub mod books;
pub mod bridge;
pub mod catalogue;
pub mod cli;
pub mod client;
pub mod conformance;
pub mod credentials;
pub mod edge;
pub mod egress;
pub mod event;
pub mod export;
pub mod faults;
pub mod fetch;
pub mod gateway;
pub mod importing;
pub mod jobs;
pub mod keyring;
pub mod limits;
pub mod live;
pub mod logging;
pub mod metrics;
pub mod notices;
pub mod outward;
pub mod principals;
pub mod probe;
pub mod prompts;
pub mod proxy;
pub mod remote;
pub mod resolver;
pub mod serve;
pub mod settings;
pub mod sites;
pub mod snapshot;
pub mod tls;
pub mod tokens;
pub mod tuning;
pub mod tunnel;
pub mod vendor_account;
pub mod wallet;
