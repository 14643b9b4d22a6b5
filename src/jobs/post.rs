//! The poster: follows the journal and brings finished calls into the database, batch by batch. While the
//! database is away it waits; what it has not read yet is on the disk, not in memory. What the database has forgotten it
//! posts again.

mod trail;
mod work;

use magic_admin::events::Events;
use magic_journal::{Journal, Position};
use magic_store::{Store, StoreError};
use parking_lot::Mutex;
use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;

/// The poster's end that others see.
#[derive(Clone)]
pub struct Poster {
    shared: Arc<Shared>,
}

struct Shared {
    posted: Mutex<Position>,
    /// When the oldest call that waits to be posted was read from the journal.
    waits_since: Mutex<Option<Instant>>,
    stop: AtomicBool,
    /// The thread is over: nothing more is posted.
    ended: AtomicBool,
    /// Batches posted.
    batches: AtomicI64,
    /// How many of them the database has been found to have, where that is fewer.
    found: AtomicI64,
    on_rewind: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

/// [`Shared::found`] where nothing is missing.
const ALL: i64 = i64::MAX;

impl Default for Shared {
    fn default() -> Self {
        Shared {
            posted: Mutex::default(),
            waits_since: Mutex::default(),
            stop: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            batches: AtomicI64::new(0),
            found: AtomicI64::new(ALL),
            on_rewind: OnceLock::new(),
        }
    }
}

impl Poster {
    /// Starts the thread.
    pub fn start(
        (journal, store): (Arc<Journal>, Store),
        events: Events,
        epoch: String,
        runtime: Handle,
    ) -> std::io::Result<Poster> {
        let shared = Arc::<Shared>::default();
        let poster = Poster { shared: shared.clone() };
        std::thread::Builder::new().name("poster".into()).spawn(move || {
            work::Work::new((journal, store), events, (epoch, runtime), shared.clone()).run();
            shared.ended.store(true, Ordering::Release);
        })?;
        Ok(poster)
    }

    /// Whether everything up to `position` has been posted.
    pub fn has_posted(&self, position: Position) -> bool {
        *self.shared.posted.lock() >= position
    }

    /// Up to where records have been posted.
    pub fn posted(&self) -> Position {
        *self.shared.posted.lock()
    }

    /// For how long the oldest finished call has waited for the database.
    pub fn oldest_waits(&self) -> Duration {
        self.shared.waits_since.lock().map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// How many batches have been posted.
    pub fn batches(&self) -> i64 {
        self.shared.batches.load(Ordering::Acquire)
    }

    /// The database has `found` batches. `before`: how many had been posted when it was asked.
    pub fn found(&self, found: i64, before: i64) {
        // A process that ends gives its number back.
        if found < before && !self.shared.stop.load(Ordering::Acquire) {
            self.shared.found.store(found, Ordering::Release);
        }
    }

    /// Who is told when the database has forgotten what it had committed. The first one stays.
    pub fn on_rewind(&self, told: impl Fn() + Send + Sync + 'static) {
        let _ = self.shared.on_rewind.set(Box::new(told));
    }

    pub fn stop(&self) {
        self.shared.stop.store(true, Ordering::Release);
    }

    /// Whether it has stopped: what was in the journal by then is posted, or has been given up.
    pub fn has_ended(&self) -> bool {
        self.shared.ended.load(Ordering::Acquire)
    }
}

/// Posts, however long the database is away. Given up only when `stop` says so: the journal keeps it.
pub fn until_posted<T, F: Future<Output = Result<T, StoreError>>>(
    runtime: &Handle,
    stop: &dyn Fn() -> bool,
    post: impl Fn() -> F,
) -> Option<T> {
    let mut pause = Duration::from_millis(50);
    let mut told = false;
    let mut stopping = 0;
    loop {
        match runtime.block_on(post()) {
            Ok(posted) => {
                if told {
                    log::info!("finished calls are posted again");
                }
                return Some(posted);
            }
            Err(error) => {
                if !told {
                    told = true;
                    log::error!("finished calls can't be posted, they wait in the journal: {error}");
                }
                let fatal = matches!(error, StoreError::Internal(_) | StoreError::Conflict(_));
                stopping += u32::from(stop());
                if stopping > 3 {
                    return None;
                }
                std::thread::sleep(if fatal { Duration::from_secs(1) } else { pause });
                pause = (pause * 2).min(Duration::from_secs(2));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_ends_misses_no_batches() {
        let poster = Poster { shared: Arc::default() };
        let found = || poster.shared.found.load(Ordering::Acquire);
        poster.found(3, 3);
        assert_eq!(found(), ALL);
        poster.found(2, 3);
        assert_eq!(found(), 2);
        poster.shared.found.store(ALL, Ordering::Release);
        poster.stop();
        // Its row is gone.
        poster.found(0, 3);
        assert_eq!(found(), ALL);
    }
}
