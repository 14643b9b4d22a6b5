//! What pages that are open want to hear of: that something they show is no longer so. What it is now, they ask for.

use magic_domain::ids::UserId;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::broadcast;

/// How many events a slow listener may be behind; then it is told that everything may have changed.
const BEHIND_MAX: usize = 256;

/// Something that has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Calls of these users are in the log now, and on their bills.
    Calls(Arc<[UserId]>),
    /// Somebody changed an object through the API: its kind, as it stands in the path (`channel`, `user` …), and who.
    Changed { kind: String, by: UserId },
    /// A channel is set aside, or back.
    Health,
}

/// Tells of events, to whoever listens.
#[derive(Clone)]
pub struct Events {
    sender: broadcast::Sender<Event>,
    over: Arc<AtomicBool>,
}

impl Default for Events {
    fn default() -> Self {
        Events { sender: broadcast::Sender::new(BEHIND_MAX), over: Arc::default() }
    }
}

impl Events {
    /// Made only where somebody listens.
    pub fn tell(&self, event: impl FnOnce() -> Event) {
        if self.sender.receiver_count() > 0 {
            let _ = self.sender.send(event());
        }
    }

    pub fn listen(&self) -> broadcast::Receiver<Event> {
        self.sender.subscribe()
    }

    /// The process is leaving: who listens should do so elsewhere.
    pub fn close(&self) {
        self.over.store(true, Ordering::Release);
    }

    pub fn is_closed(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }
}
