//! Wire formats without sockets: looking into bodies, cutting them, following answers, shaping errors, and the
//! table of vendors. Nothing here reads a clock, opens a connection or panics on what a network sends.

pub mod chat;
pub mod codec;
pub mod dialect;
pub mod fault;
pub mod frame;
pub mod json;
pub mod lift;
pub mod multipart;
pub mod peek;
pub mod prompt;
pub mod redact;
pub mod reply;
pub mod rope;
pub mod scan;
pub mod side;
pub mod sign;
pub mod splice;
pub mod usage;
pub mod vendors;
pub mod websocket;

/// A body that can't be taken as what it claims to be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct WireError {
    pub message: String,
    /// The offending parameter, where one is known.
    pub param: Option<String>,
}

impl WireError {
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), param: None }
    }

    pub fn at(message: impl Into<String>, param: impl Into<String>) -> Self {
        Self { message: message.into(), param: Some(param.into()) }
    }
}
