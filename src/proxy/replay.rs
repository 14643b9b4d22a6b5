//! The replay session: a seat between Pingora and the caller's connection.
//!
//! It serves the request body from memory, re-windable and another one for every attempt; holds the head of
//! the answer until there is a byte worth sending, so that failover stays possible; keeps the timers Pingora
//! lacks (first byte, idle, total); writes keep-alives while a model thinks; and goes on reading the vendor
//! for a while when the caller has left. This is the only module that touches Pingora's doc-hidden
//! `custom::server::Session`: the version is pinned, and `tests/edge.rs` is its regression suite (ADR 1).

mod seat;

use crate::tuning::Tuning;
use bytes::Bytes;
use futures::future::BoxFuture;
use magic_wire::peek::Rope;
use parking_lot::Mutex;
use pingora_error::ErrorType;
pub use seat::{Replay, Slot, restore};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How much of a body is handed to Pingora at a time. Small enough that an early answer of the vendor is
/// seen while a large body is still going out.
const CHUNK: usize = 64 * 1024;

/// Raised when the vendor sent nothing of the answer's body in time.
pub const FIRST_BYTE_TIMEOUT: ErrorType = ErrorType::Custom("FirstByteTimeout");
/// Raised when the vendor fell silent in the middle of an answer.
pub const IDLE_TIMEOUT: ErrorType = ErrorType::Custom("IdleTimeout");
/// Raised when the whole call took too long.
pub const TOTAL_TIMEOUT: ErrorType = ErrorType::Custom("TotalTimeout");
/// Raised when the caller left and nobody waits for the rest of the answer (any more).
pub const CLIENT_GONE: ErrorType = ErrorType::Custom("ClientGone");
/// Raised for an answer without a body that the verdict wants to replace by another channel's.
pub const EMPTY_ERROR: ErrorType = ErrorType::Custom("EmptyErrorAnswer");

/// The timers of a call.
#[derive(Debug, Clone, Copy)]
pub struct Timers {
    pub first_byte: Duration,
    pub idle: Duration,
    pub total: Duration,
    /// Between keep-alives to a caller who waits for a stream.
    pub keepalive: Duration,
    /// How long an answer nobody reads is followed, to learn its usage.
    pub abandoned: Duration,
}

impl Timers {
    /// Those of the configuration.
    pub fn of(tuning: &Tuning) -> Timers {
        Timers {
            first_byte: tuning.first_byte,
            idle: tuning.idle,
            total: tuning.total,
            keepalive: tuning.keepalive,
            abandoned: tuning.abandoned,
        }
    }
}

/// Leave to go on reading an answer nobody waits for; given back when it is dropped.
pub type Permit = Box<dyn Send + Sync>;
type Follow = Box<dyn FnOnce() -> Option<Permit> + Send + Sync>;

/// State shared by the seat and the request's context. The lock is held for field accesses only.
pub struct Shared {
    body: Vec<Bytes>,
    /// Index of the part and offset in it that are sent next.
    at: (usize, usize),
    left: usize,
    total: usize,
    timers: Timers,
    started: Instant,
    attempt_started: Instant,
    last_activity: Instant,
    /// A byte of the answer's body has arrived in this attempt.
    pub answered: bool,
    /// The answer's head is on its way to the caller: no other channel can be tried.
    pub committed: bool,
    /// The caller has left.
    pub gone: Option<Instant>,
    /// Whether an answer may be followed after its caller left; asked once, when that happens.
    follow: Option<Follow>,
    permit: Option<Permit>,
    /// Headers to add when the held head is let go.
    late: Vec<(&'static str, String)>,
    /// The exact length of the body, when all of it is at hand.
    length: Option<usize>,
    /// Work to finish before the next bytes leave (counting tokens, waiting for the disk).
    pending: Option<BoxFuture<'static, Late>>,
    /// The answer is an error that the verdict swallows.
    pub swallow: bool,
    /// A comment that keeps a waiting caller's connection open; `None`: not a stream.
    keepalive: Option<&'static [u8]>,
    /// The connection ends with this answer, and its head shall say so.
    closing: bool,
}

/// What pending work adds to the held head.
pub type Late = Vec<(&'static str, String)>;

/// The context's end of the seat.
#[derive(Clone)]
pub struct Handle(Arc<Mutex<Shared>>);

impl Handle {
    pub fn new(timers: Timers) -> Self {
        let now = Instant::now();
        Handle(Arc::new(Mutex::new(Shared {
            body: Vec::new(),
            at: (0, 0),
            left: 0,
            total: 0,
            timers,
            started: now,
            attempt_started: now,
            last_activity: now,
            answered: false,
            committed: false,
            gone: None,
            follow: None,
            permit: None,
            late: Vec::new(),
            length: None,
            pending: None,
            swallow: false,
            keepalive: None,
            closing: false,
        })))
    }

    /// Puts the next attempt's body in place and starts its clocks.
    pub fn load(&self, rope: Rope, timers: Timers) {
        let mut shared = self.0.lock();
        shared.left = rope.len();
        shared.total = shared.left;
        shared.body = rope.into_parts();
        shared.at = (0, 0);
        shared.timers = timers;
        shared.attempt_started = Instant::now();
        shared.last_activity = shared.attempt_started;
        shared.answered = false;
        shared.swallow = false;
        shared.late.clear();
        shared.length = None;
        shared.pending = None;
    }

    /// Asked once when the caller leaves: a permit to go on reading, or nothing.
    pub fn on_gone(&self, follow: impl FnOnce() -> Option<Permit> + Send + Sync + 'static) {
        self.0.lock().follow = Some(Box::new(follow));
    }

    /// The answer is a stream: a waiting caller gets this comment now and then.
    pub fn keep_alive(&self, comment: &'static [u8]) {
        self.0.lock().keepalive = Some(comment);
    }

    /// The connection ends with the answer that is about to be written.
    pub fn close_after(&self) {
        self.0.lock().closing = true;
    }

    pub fn swallow(&self) {
        self.0.lock().swallow = true;
    }

    /// Adds a header to the held head.
    pub fn late_header(&self, name: &'static str, value: String) {
        self.0.lock().late.push((name, value));
    }

    /// The body of the answer is complete and that long.
    pub fn known_length(&self, length: usize) {
        self.0.lock().length = Some(length);
    }

    /// Work that must be done before the next bytes leave, after what is to be done already.
    pub fn before_next(&self, work: BoxFuture<'static, Late>) {
        let mut shared = self.0.lock();
        shared.pending = Some(match shared.pending.take() {
            None => work,
            Some(first) => Box::pin(async move {
                let mut late = first.await;
                late.extend(work.await);
                late
            }),
        });
    }

    /// Length of the body of the attempt under way.
    pub fn body_len(&self) -> usize {
        self.0.lock().total
    }

    pub fn committed(&self) -> bool {
        self.0.lock().committed
    }

    pub fn gone(&self) -> bool {
        self.0.lock().gone.is_some()
    }

    pub fn answered(&self) -> bool {
        self.0.lock().answered
    }
}

impl Shared {
    fn next_chunk(&mut self) -> Option<Bytes> {
        loop {
            let (index, offset) = self.at;
            let part = self.body.get(index)?;
            if offset >= part.len() {
                self.at = (index + 1, 0);
                continue;
            }
            let end = (offset + CHUNK).min(part.len());
            self.at = (index, end);
            self.left -= end - offset;
            return Some(part.slice(offset..end));
        }
    }
}
