//! What pages that are open want to hear of: that something they show is no longer so. What it is now, they ask for.

use magic_domain::ids::UserId;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::broadcast;

/// How many events a slow listener may be behind; then it is told that everything may have changed.
const BEHIND_MAX: usize = 256;
/// How many events are kept for those who were not there yet.
const PAST_MAX: usize = 256;

/// Something that has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Calls of these users are in the log now, and on their bills.
    Calls(Arc<[UserId]>),
    /// Somebody changed an object through the API: its kind, as it stands in the path (`channel`, `user` …), and who.
    Changed { kind: String, by: UserId },
    /// A channel is set aside, or back.
    Health,
    /// Another node has changed something, or may have.
    Elsewhere,
}

/// Where a listener has been up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since<'a> {
    /// So long ago it asked for what it shows.
    Ago(Duration),
    /// It has heard all up to this [`Events::mark`].
    Mark(&'a str),
}

/// What a listener has missed. `None`: nobody knows, so it may be anything.
pub type Missed = Option<Vec<Event>>;

#[derive(Default)]
struct Past {
    kept: VecDeque<(Instant, Event)>,
    /// When the latest event was told that is no longer kept.
    forgotten: Option<Instant>,
}

/// Tells of events, to whoever listens.
#[derive(Clone)]
pub struct Events {
    sender: broadcast::Sender<Event>,
    past: Arc<Mutex<Past>>,
    over: Arc<AtomicBool>,
    shared: Arc<AtomicBool>,
    begun: Instant,
    /// Tells this process from others, whose marks say nothing here.
    name: u128,
}

impl Default for Events {
    fn default() -> Self {
        Events {
            sender: broadcast::Sender::new(BEHIND_MAX),
            past: Arc::default(),
            over: Arc::default(),
            shared: Arc::default(),
            begun: Instant::now(),
            name: SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos(),
        }
    }
}

impl Events {
    pub fn tell(&self, event: Event) {
        let mut past = self.past.lock();
        if past.kept.len() == PAST_MAX {
            past.forgotten = past.kept.pop_front().map(|(at, _)| at);
        }
        past.kept.push_back((Instant::now(), event.clone()));
        let _ = self.sender.send(event);
    }

    /// Listens from now on, and finds out what was told since then.
    pub fn listen(&self, since: Since<'_>) -> (broadcast::Receiver<Event>, Missed) {
        let since = match since {
            Since::Ago(ago) => Instant::now().checked_sub(ago).filter(|since| *since >= self.begun),
            Since::Mark(mark) => self.at(mark),
        };
        let past = self.past.lock();
        let missed = since.filter(|since| past.forgotten.is_none_or(|at| at < *since)).map(|since| {
            past.kept.iter().filter(|(at, _)| *at >= since).map(|(_, event)| event.clone()).collect()
        });
        (self.sender.subscribe(), missed)
    }

    /// What a listener names later who has heard all until now.
    pub fn mark(&self) -> String {
        format!("{:x}-{}", self.name, self.begun.elapsed().as_millis())
    }

    fn at(&self, mark: &str) -> Option<Instant> {
        let (name, after) = mark.split_once('-')?;
        if u128::from_str_radix(name, 16).ok()? != self.name {
            return None;
        }
        self.begun.checked_add(Duration::from_millis(after.parse().ok()?))
    }

    /// Whether other nodes serve calls, of which nothing is told here.
    pub fn share(&self, shared: bool) {
        self.shared.store(shared, Ordering::Relaxed);
    }

    pub fn is_shared(&self) -> bool {
        self.shared.load(Ordering::Relaxed)
    }

    /// The process is leaving: who listens should do so elsewhere.
    pub fn close(&self) {
        self.over.store(true, Ordering::Release);
    }

    pub fn is_closed(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_comes_late_hears_what_was_told_meanwhile() {
        let events = Events::default();
        assert_eq!(events.listen(Since::Ago(Duration::ZERO)).1, Some(vec![]));
        let mark = events.mark();
        events.tell(Event::Health);
        assert_eq!(events.listen(Since::Mark(&mark)).1, Some(vec![Event::Health]));
        // The next millisecond.
        while events.mark() == mark || events.listen(Since::Mark(&events.mark())).1 != Some(vec![]) {}
        let (mut receiver, missed) = events.listen(Since::Mark(&events.mark()));
        assert_eq!(missed, Some(vec![]));
        events.tell(Event::Health);
        assert_eq!(receiver.try_recv(), Ok(Event::Health));
    }

    #[test]
    fn what_is_not_known_may_be_anything() {
        let events = Events::default();
        for mark in ["", "x", "x-1", "-", "1-", &Events::default().mark(), "1-99999999999999999999"] {
            assert_eq!(events.listen(Since::Mark(mark)).1, None, "{mark}");
        }
        let day = Since::Ago(Duration::from_secs(86_400));
        assert_eq!(events.listen(day).1, None, "this process was not there");
        let mark = events.mark();
        for _ in 0..PAST_MAX {
            events.tell(Event::Health);
        }
        assert_eq!(events.listen(Since::Mark(&mark)).1.map(|missed| missed.len()), Some(PAST_MAX));
        events.tell(Event::Health);
        assert_eq!(events.listen(Since::Mark(&mark)).1, None);
        assert!(events.past.lock().kept.len() == PAST_MAX);
    }
}
