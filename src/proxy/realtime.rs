//! `GET /v1/realtime`: a WebSocket is relayed as it is; the vendor's messages are read as they pass, for the
//! usage each finished response reports. Sums over responses: each reports its own.

use magic_domain::usage::{Bucket, Usage};
use magic_wire::websocket::{Parser, realtime_usage};

/// Reads the vendor's side of a WebSocket.
#[derive(Default)]
pub struct Meter {
    parser: Parser,
    usage: Usage,
}

impl Meter {
    /// Looks at bytes on their way to the caller.
    pub fn push(&mut self, bytes: &[u8]) {
        for message in self.parser.push(bytes) {
            if let Some(usage) = realtime_usage(&message) {
                for bucket in Bucket::ALL {
                    let sum = self.usage.get(bucket).saturating_add(usage.get(bucket));
                    self.usage.set(bucket, sum);
                }
            }
        }
    }

    pub fn usage(&self) -> Usage {
        self.usage
    }
}
