//! The poster: follows the journal and brings finished calls into the database, batch by batch. While the
//! database is away it waits; what it has not read yet is on the disk, not in memory.

use magic_admin::events::{Event, Events};
use magic_domain::books::{Joiner, Record, Settlement};
use magic_domain::ids::{RequestId, UserId};
use magic_journal::{Journal, Position};
use magic_store::{Store, StoreError};
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;

/// Calls posted in one transaction at most.
const BATCH: usize = 500;
/// How long finished calls may wait for others to join their batch.
const GATHER: Duration = Duration::from_millis(20);
/// How often the journal is told what can be forgotten.
const CHECKPOINT: Duration = Duration::from_secs(1);

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
}

impl Poster {
    /// Starts the thread.
    pub fn start(
        (journal, store): (Arc<Journal>, Store),
        events: Events,
        epoch: String,
        runtime: Handle,
    ) -> std::io::Result<Poster> {
        let shared = Arc::new(Shared {
            posted: Mutex::default(),
            waits_since: Mutex::default(),
            stop: AtomicBool::new(false),
        });
        let poster = Poster { shared: shared.clone() };
        std::thread::Builder::new().name("poster".into()).spawn(move || {
            let mut work = Work {
                journal,
                store,
                events,
                epoch,
                runtime,
                shared,
                joiner: Joiner::default(),
                begun: HashMap::new(),
                by_position: BTreeMap::new(),
                batch: Vec::new(),
                checkpointed: Instant::now(),
            };
            work.run();
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

    pub fn stop(&self) {
        self.shared.stop.store(true, Ordering::Release);
    }
}

struct Work {
    journal: Arc<Journal>,
    store: Store,
    events: Events,
    epoch: String,
    runtime: Handle,
    shared: Arc<Shared>,
    joiner: Joiner,
    /// Where the openings of open calls begin: the journal must not forget beyond the first.
    begun: HashMap<RequestId, Position>,
    by_position: BTreeMap<Position, RequestId>,
    batch: Vec<Settlement>,
    checkpointed: Instant,
}

impl Work {
    fn run(&mut self) {
        let journal = self.journal.clone();
        let mut follower = journal.follow();
        let mut last = follower.position();
        loop {
            let gather = Instant::now() + GATHER;
            let mut any = false;
            while self.batch.len() < BATCH {
                match follower.next_record() {
                    Ok(Some((position, payload))) => {
                        any = true;
                        self.take(&payload, last);
                        last = position;
                    }
                    Ok(None) if Instant::now() < gather && !self.batch.is_empty() => {
                        // Asleep, not listening: being woken by every append costs the appenders more than
                        // the whole posting.
                        std::thread::sleep(gather.saturating_duration_since(Instant::now()));
                    }
                    Ok(None) => break,
                    Err(error) => {
                        // Written moments ago by this process: the disk lies. New calls are refused.
                        log::error!("the journal can't be read back, finished calls stay unposted: {error}");
                        return;
                    }
                }
            }
            self.flush();
            *self.shared.posted.lock() = last;
            self.checkpoint(last);
            if self.shared.stop.load(Ordering::Acquire) && !any {
                return;
            }
            if !any {
                follower.wait(Duration::from_millis(100));
            }
        }
    }

    fn take(&mut self, payload: &[u8], start: Position) {
        let record: Record = match Record::decode(payload) {
            Ok(record) => record,
            Err(error) => return log::error!("in the journal: {error}"),
        };
        match &record {
            Record::Open(opening) => {
                self.begun.insert(opening.id, start);
                self.by_position.insert(start, opening.id);
            }
            Record::Close(closing) => {
                if let Some(position) = self.begun.remove(&closing.id) {
                    self.by_position.remove(&position);
                }
            }
            Record::Check(_) => {}
        }
        self.batch.extend(self.joiner.push(record));
        if self.batch.len() == 1 {
            self.shared.waits_since.lock().get_or_insert_with(Instant::now);
        }
    }

    fn flush(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        let batch = std::mem::take(&mut self.batch);
        let users: BTreeSet<UserId> = batch.iter().map(|settlement| settlement.opening.user_id).collect();
        let stop = || self.shared.stop.load(Ordering::Acquire);
        if post(&self.runtime, &self.store, &self.epoch, batch, &stop) {
            *self.shared.waits_since.lock() = None;
            self.events.tell(|| Event::Calls(users.into_iter().collect()));
        }
    }

    fn checkpoint(&mut self, at: Position) {
        if self.checkpointed.elapsed() < CHECKPOINT {
            return;
        }
        self.checkpointed = Instant::now();
        let safe = self.by_position.keys().next().copied().unwrap_or(at);
        if let Err(error) = self.journal.checkpoint(safe) {
            log::warn!("{error}");
        }
    }
}

/// Posts a batch, however long the database is away. Given up only when `stop` says so: the journal keeps it.
pub fn post(
    runtime: &Handle,
    store: &Store,
    epoch: &str,
    batch: Vec<Settlement>,
    stop: &dyn Fn() -> bool,
) -> bool {
    let mut pause = Duration::from_millis(50);
    let mut told = false;
    let mut stopping = 0;
    loop {
        match runtime.block_on(store.post(epoch, batch.clone())) {
            Ok(_) => {
                if told {
                    log::info!("finished calls are posted again");
                }
                return true;
            }
            Err(error) => {
                if !told {
                    told = true;
                    log::error!("finished calls can't be posted, they wait in the journal: {error}");
                }
                let fatal = matches!(error, StoreError::Internal(_) | StoreError::Conflict(_));
                stopping += u32::from(stop());
                if stopping > 3 {
                    return false;
                }
                std::thread::sleep(if fatal { Duration::from_secs(1) } else { pause });
                pause = (pause * 2).min(Duration::from_secs(2));
            }
        }
    }
}
