//! A node's part of a limit where several nodes let calls in.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// How many nodes there are, and whether they tell each other what they count.
#[derive(Debug, Default)]
pub struct Company {
    nodes: AtomicU32,
    shared: AtomicBool,
}

/// The same at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Among {
    pub nodes: u32,
    pub shared: bool,
}

impl Among {
    /// A process that is alone.
    pub const ALONE: Among = Among { nodes: 1, shared: false };

    /// A node's part of a number, rounded up: everybody gets one.
    pub fn part(self, of: u64) -> u64 {
        of.div_ceil(u64::from(self.nodes.max(1)))
    }
}

impl Company {
    pub fn nodes(&self, nodes: u32) {
        self.nodes.store(nodes, Ordering::Relaxed);
    }

    pub fn share(&self, shared: bool) {
        self.shared.store(shared, Ordering::Relaxed);
    }

    pub fn now(&self) -> Among {
        Among {
            nodes: self.nodes.load(Ordering::Relaxed).max(1),
            shared: self.shared.load(Ordering::Relaxed),
        }
    }
}
