//! The poster's thread.

use super::trail::Trail;
use super::{ALL, Shared, until_posted};
use magic_admin::events::{Event, Events};
use magic_domain::books::{Joiner, Record, Settlement};
use magic_domain::ids::{RequestId, UserId};
use magic_journal::{Follower, Journal, Position};
use magic_store::Store;
use magic_store::posted::Posting;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::runtime::Handle;

/// Calls posted in one transaction at most.
const BATCH: usize = 500;
/// How long finished calls may wait for others to join their batch.
const GATHER: Duration = Duration::from_millis(20);
/// How often the journal is told what can be forgotten.
const CHECKPOINT: Duration = Duration::from_secs(1);

/// What came of a batch.
enum Flushed {
    Posted,
    /// The database has only so many of the batches before it.
    Rewound(i64),
    /// The database is away, and the process ends.
    GivenUp,
}

pub struct Work {
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
    trail: Trail,
    checkpointed: Instant,
}

impl Work {
    pub fn new(
        (journal, store): (Arc<Journal>, Store),
        events: Events,
        (epoch, runtime): (String, Handle),
        shared: Arc<Shared>,
    ) -> Work {
        Work {
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
            trail: Trail::default(),
            checkpointed: Instant::now(),
        }
    }

    pub fn run(&mut self) {
        let journal = self.journal.clone();
        let mut follower = journal.follow();
        let mut last = follower.position();
        loop {
            let gather = Instant::now() + GATHER;
            let mut any = false;
            let found = self.shared.found.swap(ALL, Ordering::AcqRel);
            if found < self.shared.batches.load(Ordering::Acquire) {
                last = self.rewind(&mut follower, found);
            }
            let begins = self.first_open().unwrap_or(last);
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
            match self.flush(begins) {
                Flushed::Posted => {}
                Flushed::Rewound(kept) => {
                    last = self.rewind(&mut follower, kept);
                    continue;
                }
                // The journal has them, and is not told that they are posted.
                Flushed::GivenUp => return,
            }
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

    /// Posts what has come together since `begins`.
    fn flush(&mut self, begins: Position) -> Flushed {
        if self.batch.is_empty() {
            return Flushed::Posted;
        }
        let nth = self.shared.batches.load(Ordering::Acquire) + 1;
        let batch = std::mem::take(&mut self.batch);
        let users: BTreeSet<UserId> = batch.iter().map(|settlement| settlement.opening.user_id).collect();
        let stop = || self.shared.stop.load(Ordering::Acquire);
        match until_posted(&self.runtime, &stop, || self.store.post_nth(&self.epoch, nth, batch.clone())) {
            None => Flushed::GivenUp,
            Some(Posting::Rewound(kept)) => Flushed::Rewound(kept),
            Some(Posting::Done(_)) => {
                self.trail.add(nth, begins, Instant::now());
                self.shared.batches.store(nth, Ordering::Release);
                *self.shared.waits_since.lock() = None;
                self.events.tell(Event::Calls(users.into_iter().collect()));
                Flushed::Posted
            }
        }
    }

    /// Goes back to where the batches begin that the database has no more.
    fn rewind(&mut self, follower: &mut Follower, kept: i64) -> Position {
        log::error!(
            "the database has lost what it had committed: {} of {} batches of finished calls are there, the others are \
             posted again; vouchers, top-ups and settings of the last moments may be lost",
            kept,
            self.shared.batches.load(Ordering::Acquire)
        );
        let to = self.trail.back_to(kept).unwrap_or_else(|| {
            log::error!("not all of them may still be in the journal: `magic ledger verify` tells");
            self.journal.oldest()
        });
        follower.seek(to);
        (self.joiner, self.begun, self.by_position) = Default::default();
        self.batch.clear();
        self.shared.batches.store(kept, Ordering::Release);
        *self.shared.posted.lock() = to;
        if let Some(told) = self.shared.on_rewind.get() {
            told();
        }
        to
    }

    /// Where the first of the open calls begins.
    fn first_open(&self) -> Option<Position> {
        self.by_position.keys().next().copied()
    }

    fn checkpoint(&mut self, at: Position) {
        if self.checkpointed.elapsed() < CHECKPOINT {
            return;
        }
        self.checkpointed = Instant::now();
        let open = self.first_open().unwrap_or(at);
        let safe = self.trail.kept_from(self.checkpointed).map_or(open, |kept| kept.min(open));
        if let Err(error) = self.journal.checkpoint(safe) {
            log::warn!("{error}");
        }
    }
}
