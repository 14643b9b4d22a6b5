//! The journal's writer, and the ticket every billable call carries from its reservation to its settlement.

use crate::limits::{Place, Told};
use crate::metrics::Billed;
use crate::wallet::Wallet;
use magic_domain::books::{Closing, Opening, Record};
use magic_domain::money::Nano;
use magic_domain::usage::{Bucket, Mark};
use magic_journal::{Journal, JournalError, Position};
use parking_lot::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

/// Writes the books' records to the journal.
pub struct Books {
    journal: Arc<Journal>,
    /// Calls opened and not yet closed in this process.
    open: AtomicU64,
}

impl Books {
    pub fn new(journal: Arc<Journal>) -> Self {
        Self { journal, open: AtomicU64::new(0) }
    }

    /// Writes the opening of a call. An error means that nothing billable may be started.
    pub fn open(&self, opening: Opening) -> Result<Opening, JournalError> {
        let record = Record::Open(opening);
        self.journal.append(&encode(&record))?;
        self.open.fetch_add(1, Ordering::Relaxed);
        match record {
            Record::Open(opening) => Ok(opening),
            // The record was built two lines up.
            Record::Check(_) | Record::Close(_) => Err(JournalError::Broken),
        }
    }

    /// Writes how the call would be settled if the process died now. A failure is no harm: the next one, or
    /// the closing, will say it again.
    pub fn check(&self, closing: Closing) {
        if let Err(error) = self.journal.append(&encode(&Record::Check(closing))) {
            log::debug!("no checkpoint was written: {error}");
        }
    }

    fn close(&self, closing: Closing) -> Result<Position, JournalError> {
        let position = self.journal.append_urgent(&encode(&Record::Close(closing)));
        self.open.fetch_sub(1, Ordering::Relaxed);
        position
    }

    /// Calls in flight that will still be settled.
    pub fn in_flight(&self) -> u64 {
        self.open.load(Ordering::Relaxed)
    }

    pub fn journal(&self) -> &Arc<Journal> {
        &self.journal
    }
}

fn encode(record: &Record) -> Vec<u8> {
    record.encode().unwrap_or_else(|error| {
        // Plain structs of numbers and strings always serialise; were it ever otherwise, say so loudly.
        log::error!("{error}");
        Vec::new()
    })
}

/// A call's hold on its owner's money. However the call ends, it is settled exactly once: by
/// [`Ticket::settle`], or by the drop of its context.
pub struct Ticket {
    books: Arc<Books>,
    pub opening: Opening,
    user: Arc<Wallet>,
    /// The token's wallet, when it has a quota of its own.
    token: Option<Arc<Wallet>>,
    /// The call's places at those of its caller's objects that have limits, and the names of those with budgets.
    places: Vec<Place>,
    pub budgets: Vec<String>,
    /// What the answer's head tells of the limits.
    pub told: Told,
    /// Tokens the call may use.
    pub tokens: u64,
    /// The place at the channel of the current try, when that channel has limits.
    serving: Mutex<Option<Arc<Place>>>,
    served: AtomicBool,
    settled: AtomicBool,
    billed: OnceLock<Billed>,
}

/// What a ticket is made of.
pub struct Holds {
    pub user: Arc<Wallet>,
    pub token: Option<Arc<Wallet>>,
    pub places: Vec<Place>,
    pub budgets: Vec<String>,
    pub told: Told,
    pub tokens: u64,
}

impl Ticket {
    /// Writes the opening. On an error the caller gives the holds back.
    pub fn open(books: &Arc<Books>, opening: Opening, holds: Holds) -> Result<Arc<Ticket>, JournalError> {
        let reserved = opening.reserved;
        match books.open(opening) {
            Ok(opening) => {
                holds.places.iter().for_each(Place::keep);
                Ok(Arc::new(Ticket {
                    books: books.clone(),
                    opening,
                    user: holds.user,
                    token: holds.token,
                    places: holds.places,
                    budgets: holds.budgets,
                    told: holds.told,
                    tokens: holds.tokens,
                    serving: Mutex::default(),
                    served: AtomicBool::new(false),
                    settled: AtomicBool::new(false),
                    billed: OnceLock::new(),
                }))
            }
            Err(error) => {
                holds.user.settle(reserved, Nano::ZERO);
                if let Some(token) = holds.token {
                    token.settle(reserved, Nano::ZERO);
                }
                Err(error)
            }
        }
    }

    pub fn settled(&self) -> bool {
        self.settled.load(Ordering::Acquire)
    }

    /// Settles the call: journal first, then the wallets. False when it was settled before.
    pub fn settle(&self, closing: Closing, now_ms: u64) -> bool {
        if self.settled.swap(true, Ordering::AcqRel) {
            return false;
        }
        let cost = if closing.mark == Mark::Void { Nano::ZERO } else { closing.cost };
        let tokens = closing.usage.input_total().saturating_add(closing.usage.output_total());
        let day = closing.day;
        let _ = self.billed.set(Billed {
            input: closing.usage.input_total(),
            cached: closing.usage.get(Bucket::CacheRead),
            output: closing.usage.output_total(),
            nano: cost.0,
        });
        if let Err(error) = self.books.close(closing) {
            // The opening is in the journal; after a restart the call is settled from its last checkpoint.
            log::error!("the closing of {} can't be written: {error}", self.opening.id);
        }
        self.user.settle(self.opening.reserved, cost);
        if let Some(token) = &self.token {
            token.settle(self.opening.reserved, cost);
        }
        for place in &self.places {
            place.settle(tokens, cost, day, now_ms);
        }
        if self.served.load(Ordering::Acquire)
            && let Some(place) = self.serving.lock().as_ref()
        {
            place.settle(tokens, cost, day, now_ms);
        }
        true
    }

    /// What the call used and cost, once it is settled.
    pub fn billed(&self) -> Option<Billed> {
        self.billed.get().copied()
    }

    /// The channel that serves the call from now on has limits: what is used counts against them too. `None`:
    /// it has none.
    pub fn serve(&self, place: Option<Arc<Place>>) {
        if place.is_some() || self.served.load(Ordering::Acquire) {
            *self.serving.lock() = place;
            self.served.store(true, Ordering::Release);
        }
    }

    /// A checkpoint, unless the call is settled already.
    pub fn check(&self, closing: Closing) {
        if !self.settled() {
            self.books.check(closing);
        }
    }

    pub fn books(&self) -> &Arc<Books> {
        &self.books
    }
}
