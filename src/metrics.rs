//! Metrics in Prometheus' text form. Every name of the program stands in `metrics/names.rs`.

mod calls;
pub mod names;
mod page;
mod process;
mod state;

pub use calls::{Billed, Calls, Finished};

use crate::gateway::Gateway;
use crate::jobs::post::Poster;
use magic_store::Store;
use magic_wire::chat::{Dialect, Loss, LossKind};
use names::Family;
use page::Samples;
use prometheus::{Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, Opts, Registry};
use state::Watched;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Names of members that are told apart; a caller's own inventions beyond this share one.
const MEMBERS_MAX: usize = 500;
const FSYNCS: &[f64] = &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];
const QUERIES: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 60.0];

/// What came of a try of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reason {
    #[default]
    Ok,
    /// The vendor refuses the channel's credentials, or its account is empty.
    Credentials,
    RateLimit,
    /// The vendor failed, or sent what is of no use.
    Vendor,
    Timeout,
    /// There was no connection, or it broke.
    Connection,
    /// The vendor refuses the request itself.
    Request,
    ClientGone,
}

impl Reason {
    pub const ALL: [Reason; 8] = [
        Reason::Ok,
        Reason::Credentials,
        Reason::RateLimit,
        Reason::Vendor,
        Reason::Timeout,
        Reason::Connection,
        Reason::Request,
        Reason::ClientGone,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Reason::Ok => "ok",
            Reason::Credentials => "credentials",
            Reason::RateLimit => "rate_limit",
            Reason::Vendor => "vendor_error",
            Reason::Timeout => "timeout",
            Reason::Connection => "connection",
            Reason::Request => "request",
            Reason::ClientGone => "client_gone",
        }
    }
}

/// The numbers of a process.
pub struct Metrics {
    registry: Registry,
    /// Of each call.
    pub calls: Calls,
    losses: IntCounterVec,
    captures: IntCounterVec,
    handshakes: IntCounterVec,
    spans: [IntCounter; 2],
    spans_waiting: AtomicU64,
    fsync: Histogram,
    database: HistogramVec,
    /// When the configuration was read last, in Unix seconds, and whether it is in force.
    config: (AtomicI64, AtomicU64),
    /// When the books were checked last, and how many invariants did not hold.
    ledger: (AtomicI64, AtomicU64),
    watched: OnceLock<Watched>,
    seen: parking_lot::Mutex<std::collections::HashSet<String>>,
}

/// Connects the metrics with what they look at.
pub fn watch(gateway: &Arc<Gateway>, poster: &Poster, store: &Store) {
    let _ = gateway.metrics.watched.set(Watched { poster: poster.clone(), store: store.clone() });
    // Weak: the journal and the store outlive nobody for the sake of a number.
    let told = Arc::downgrade(gateway);
    gateway.books.journal().on_sync(move |took| {
        if let Some(gateway) = told.upgrade() {
            gateway.metrics.fsynced(took);
        }
    });
    let told = Arc::downgrade(gateway);
    store.on_call(move |took, outcome| {
        if let Some(gateway) = told.upgrade() {
            gateway.metrics.queried(took, outcome);
        }
    });
}

fn opts(family: &Family) -> Opts {
    Opts::new(family.name, family.help)
}

fn vec(registry: &Registry, family: &Family) -> Result<IntCounterVec, prometheus::Error> {
    let counters = IntCounterVec::new(opts(family), family.labels)?;
    registry.register(Box::new(counters.clone()))?;
    Ok(counters)
}

fn histogram(
    registry: &Registry,
    family: &Family,
    buckets: &[f64],
) -> Result<HistogramVec, prometheus::Error> {
    let histograms =
        HistogramVec::new(HistogramOpts::from(opts(family)).buckets(buckets.to_vec()), family.labels)?;
    registry.register(Box::new(histograms.clone()))?;
    Ok(histograms)
}

impl Metrics {
    /// Errors are mistakes in the table of names.
    pub fn new() -> Result<Metrics, prometheus::Error> {
        let registry = Registry::new();
        let spans = vec(&registry, &names::SPANS)?;
        let fsync = histogram(&registry, &names::JOURNAL_FSYNC, FSYNCS)?;
        Ok(Metrics {
            calls: Calls::new(&registry)?,
            losses: vec(&registry, &names::LOSSES)?,
            captures: vec(&registry, &names::CAPTURES)?,
            handshakes: vec(&registry, &names::HANDSHAKES)?,
            spans: ["sent", "dropped"].map(|outcome| spans.with_label_values(&[outcome])),
            spans_waiting: AtomicU64::new(0),
            fsync: fsync.with_label_values::<&str>(&[]),
            database: histogram(&registry, &names::DATABASE, QUERIES)?,
            config: (AtomicI64::new(chrono::Utc::now().timestamp()), AtomicU64::new(1)),
            ledger: Default::default(),
            watched: OnceLock::new(),
            registry,
            seen: Default::default(),
        })
    }

    /// How many calls have been answered, of all endpoints.
    pub fn answered(&self) -> u64 {
        self.calls.answered()
    }

    /// Counts a capture that is kept, or dropped.
    pub fn capture(&self, kept: bool) {
        self.captures.with_label_values(&[if kept { "kept" } else { "dropped" }]).inc();
    }

    /// A connection ended before its first request: `refused` or `timeout`.
    pub fn connection_failed(&self, reason: &str) {
        self.handshakes.with_label_values(&[reason]).inc();
    }

    /// Spans have been sent, or dropped.
    pub fn spans(&self, count: usize, sent: bool) {
        let [kept, dropped] = &self.spans;
        if sent { kept } else { dropped }.inc_by(count as u64);
    }

    /// How many spans wait to be sent.
    pub fn spans_waiting(&self, count: usize) {
        self.spans_waiting.store(count as u64, Ordering::Relaxed);
    }

    /// The journal has been brought to the disk.
    pub fn fsynced(&self, took: Duration) {
        self.fsync.observe(took.as_secs_f64());
    }

    /// A piece of work for the database is done.
    pub fn queried(&self, took: Duration, outcome: &str) {
        self.database.with_label_values(&[outcome]).observe(took.as_secs_f64());
    }

    /// The configuration has been read again.
    pub fn reloaded(&self, in_force: bool) {
        self.config.0.store(chrono::Utc::now().timestamp(), Ordering::Relaxed);
        self.config.1.store(u64::from(in_force), Ordering::Relaxed);
    }

    /// The invariants of the books have been checked.
    pub fn verified(&self, broken: usize) {
        self.ledger.1.store(broken as u64, Ordering::Relaxed);
        self.ledger.0.store(chrono::Utc::now().timestamp(), Ordering::Relaxed);
    }

    /// Counts what a translation lost.
    pub fn lost(&self, from: Dialect, to: Dialect, losses: &[Loss]) {
        for loss in losses {
            let kind = match loss.what {
                LossKind::Dropped => "dropped",
                LossKind::Approximated => "approximated",
                LossKind::Clamped => "clamped",
            };
            let mut member = without_numbers(&loss.path);
            let mut seen = self.seen.lock();
            if !seen.contains(&member) {
                if seen.len() >= MEMBERS_MAX || crate::logging::scrub(&member) != member {
                    "others".clone_into(&mut member);
                } else {
                    seen.insert(member.clone());
                }
            }
            drop(seen);
            let (from, to) = (format!("{from:?}"), format!("{to:?}"));
            self.losses.with_label_values(&[from.as_str(), &to, kind, &member]).inc();
        }
    }

    /// The text of a scrape.
    pub fn text(&self, gateway: &Gateway) -> String {
        let mut samples = Samples::default();
        state::take(gateway, self.watched.get(), &mut samples);
        self.write(samples)
    }

    fn write(&self, mut samples: Samples) -> String {
        process::take(&mut samples);
        for (model, cost) in self.calls.costs() {
            samples.with(&names::COST, &[&model], cost);
        }
        let spans = self.spans_waiting.load(Ordering::Relaxed);
        samples.with(&names::QUEUE, &["spans"], spans as f64);
        samples.with(&names::QUEUE, &["log"], crate::logging::waiting() as f64);
        samples.set(&names::LOG_DROPPED, crate::logging::dropped() as f64);
        samples.set(&names::CONFIG_TIME, self.config.0.load(Ordering::Relaxed) as f64);
        samples.set(&names::CONFIG_OK, self.config.1.load(Ordering::Relaxed) as f64);
        samples.set(&names::LEDGER_TIME, self.ledger.0.load(Ordering::Relaxed) as f64);
        samples.set(&names::LEDGER_BROKEN, self.ledger.1.load(Ordering::Relaxed) as f64);
        page::write(&self.registry.gather(), &samples)
    }
}

/// `messages[3].content[0].detail` → `messages[].content[].detail`, at most 80 characters.
fn without_numbers(path: &str) -> String {
    let mut inside = false;
    path.chars()
        .filter(|letter| {
            let keep = !(inside && letter.is_ascii_digit());
            inside = (*letter == '[') || (inside && letter.is_ascii_digit());
            keep
        })
        .take(80)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_in_lists_are_one_member() {
        assert_eq!(without_numbers("messages[12].content[0].x2"), "messages[].content[].x2");
        assert_eq!(without_numbers("top_k"), "top_k");
    }

    #[test]
    fn callers_inventions_are_bounded() {
        let metrics = Metrics::new().unwrap();
        for n in 0..MEMBERS_MAX + 50 {
            let loss = Loss { path: format!("mine{n}"), what: LossKind::Dropped };
            metrics.lost(Dialect::OpenAiChat, Dialect::Anthropic, &[loss]);
        }
        let text = metrics.write(Samples::default());
        assert_eq!(text.matches("magic_conversion_losses_total{").count(), MEMBERS_MAX + 1);
        assert!(text.contains("member=\"others\",to=\"Anthropic\"} 50"), "{text}");
        for family in names::ALL {
            let declared = format!("# TYPE {} {}\n", family.name, family.kind.name());
            assert_eq!(text.matches(&declared).count(), 1, "{}", family.name);
        }
    }
}
