//! The rules of MAGIC, without a clock, a socket or a source of chance: whoever needs one passes it in.
//!
//! * [`money`], [`price`], [`usage`]: what a call costs, in integers.
//! * [`books`]: the records that make billing crash-proof, and how a bill is derived from them.
//! * [`channel`], [`table`], [`select`], [`health`]: who can serve a request, and in which order.
//! * [`feature`]: what a channel has been found to be able to do.
//! * [`limits`], [`window`]: how much each may use.
//! * [`principal`]: who calls. [`fault`]: what went wrong, and what the caller is told.
//! * [`prompt`]: texts with variables, in versions.
//! * [`options`]: every operator-set option with its default.

pub mod books;
pub mod channel;
pub mod endpoint;
pub mod fault;
pub mod feature;
pub mod health;
pub mod ids;
pub mod limits;
pub mod money;
pub mod options;
pub mod price;
pub mod principal;
pub mod prompt;
pub mod secret;
pub mod select;
pub mod table;
pub mod usage;
pub mod window;
