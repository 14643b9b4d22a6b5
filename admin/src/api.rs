//! The handlers, one file per kind of object.

pub mod channels;
pub mod conformance;
pub mod groups;
pub mod logs;
pub mod oauth;
pub mod options;
pub mod site;
pub mod tokens;
pub mod totp;
pub mod users;
