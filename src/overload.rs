//! When there is more to do than the process can: how hard it is pressed, and what it lets go of first.
//!
//! The cheapest is refused the earliest: before a body is read where that is possible. Health checks and the management
//! service are always answered.

pub mod queue;

use crate::jobs::nodes::resident;
use magic_domain::fault::{Code, Fault};
use queue::Queue;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

/// How hard the process is pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Calm,
    /// Connections are not kept for another request.
    Busy,
    /// No new streams: short calls still go through.
    Pressed,
    /// Health and management alone.
    Overwhelmed,
}

/// Shares of what there is, in hundredths, from which on a level begins; it ends five below.
const STEPS: [(u64, Level); 3] = [(85, Level::Busy), (92, Level::Pressed), (95, Level::Overwhelmed)];
const BACK: u64 = 5;
/// Between two looks.
const LOOK: Duration = Duration::from_millis(250);
/// What callers are told to wait, in seconds.
const RETRY: u64 = 2;

/// The state of the process.
pub struct Overload {
    pub queue: Arc<Queue>,
    level: AtomicU8,
    /// Memory that the process may use, in bytes; 0: not known.
    memory: AtomicU64,
}

impl Overload {
    /// `calls` may be under way at once; `memory` is what the process may use, in bytes.
    pub fn new(calls: usize, memory: Option<u64>) -> Self {
        Overload {
            queue: Queue::new(calls),
            level: AtomicU8::new(0),
            memory: AtomicU64::new(memory.unwrap_or(0)),
        }
    }

    /// Changes what there is.
    pub fn resize(&self, calls: usize, memory: Option<u64>) {
        self.queue.resize(calls);
        self.memory.store(memory.unwrap_or(0), Ordering::Relaxed);
    }

    pub fn level(&self) -> Level {
        match self.level.load(Ordering::Relaxed) {
            0 => Level::Calm,
            1 => Level::Busy,
            2 => Level::Pressed,
            _ => Level::Overwhelmed,
        }
    }

    /// Refuses a call before anything of it is read.
    pub fn check_call(&self) -> Result<(), Fault> {
        if self.level() < Level::Overwhelmed { Ok(()) } else { Err(overloaded()) }
    }

    /// Refuses a stream, where only short calls go through.
    pub fn check_stream(&self, stream: bool) -> Result<(), Fault> {
        if !stream || self.level() < Level::Pressed { Ok(()) } else { Err(overloaded()) }
    }

    /// Looks at the process until it ends. `connections`: how many are open, and may be.
    pub async fn watch(self: Arc<Self>, connections: impl Fn() -> (usize, usize) + Send) {
        loop {
            tokio::time::sleep(LOOK).await;
            let (open, most) = connections();
            let limit = self.memory.load(Ordering::Relaxed);
            let memory = resident().saturating_mul(100).checked_div(limit).unwrap_or(0);
            let files = (open as u64).saturating_mul(100) / (most as u64).max(1);
            self.set(memory, files);
        }
    }

    fn set(&self, memory: u64, connections: u64) {
        let before = self.level();
        // Connections that wait to be accepted are no danger: only the keeping of connections ends. How late the event
        // loop is says nothing here: connections made anew would cost it more.
        let busy = if connections >= STEPS[0].0 { Level::Busy } else { Level::Calm };
        let now = level_of(memory, before).max(busy);
        if now == before {
            return;
        }
        self.level.store(now as u8, Ordering::Relaxed);
        match now {
            Level::Calm => log::info!("the load is back to normal"),
            Level::Busy if before > now => {
                log::info!("the load goes down: {memory} % of the memory are used")
            }
            _ => log::warn!(
                "the load is {now:?}: {memory} % of the memory are used, {connections} % of the connections"
            ),
        }
    }
}

/// The level of a share, given what it was before: it takes five hundredths less to come back.
fn level_of(share: u64, before: Level) -> Level {
    let mut level = Level::Calm;
    for (from, step) in STEPS {
        let from = if before >= step { from - BACK } else { from };
        if share >= from {
            level = step;
        }
    }
    level
}

/// What is said to callers who are refused.
pub fn overloaded() -> Fault {
    Fault::new(Code::Overloaded, "the gateway has more to do than it can; try again").retry_after(RETRY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_come_and_go_with_a_margin() {
        let overload = Overload::new(1, Some(1));
        let after = |memory, connections| {
            overload.set(memory, connections);
            overload.level()
        };
        assert_eq!(after(84, 0), Level::Calm);
        assert_eq!(after(85, 0), Level::Busy);
        assert_eq!(after(81, 0), Level::Busy, "not yet");
        assert_eq!(after(79, 0), Level::Calm);
        assert_eq!(after(96, 0), Level::Overwhelmed);
        assert_eq!(after(91, 0), Level::Overwhelmed);
        assert_eq!(after(89, 0), Level::Pressed);
        assert_eq!(after(50, 99), Level::Busy);
        assert_eq!(after(50, 10), Level::Calm);
        assert!(resident() > 1 << 20);
    }

    #[test]
    fn streams_are_refused_before_short_calls() {
        let overload = Overload::new(1, None);
        overload.set(93, 0);
        assert!(overload.check_call().is_ok() && overload.check_stream(false).is_ok());
        assert_eq!(overload.check_stream(true).unwrap_err().retry_after, Some(RETRY));
        overload.set(97, 0);
        assert!(overload.check_call().is_err());
    }
}
