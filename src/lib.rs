//! The `magic` binary's parts: the proxy, its shared state, and the composition of everything.

pub mod client;
pub mod limits;
pub mod principals;
pub mod resolver;
pub mod tls;
pub mod tokens;
pub mod tuning;
pub mod tunnel;
pub mod wallet;
