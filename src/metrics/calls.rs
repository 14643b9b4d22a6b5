//! What is counted of each call. The handles are looked up once and kept: a call pays a few atomic additions.

use super::names;
use super::{Reason, histogram, vec};
use arc_swap::ArcSwap;
use magic_domain::endpoint::Endpoint;
use magic_domain::fault::Code;
use parking_lot::Mutex;
use prometheus::{Error, Histogram, HistogramVec, IntCounter, IntCounterVec, Registry};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

/// Models that are told apart; all others share one label.
pub const MODELS_MAX: usize = 500;
/// Statuses whose counters are kept at hand.
const STATUSES: [u16; 21] =
    [0, 200, 400, 401, 402, 403, 404, 405, 408, 409, 413, 415, 422, 429, 500, 501, 502, 503, 504, 507, 529];
const DURATIONS: &[f64] =
    &[0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0];
const FIRST_BYTES: &[f64] = &[0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0];

/// A call that is over.
pub struct Finished<'c> {
    pub endpoint: Endpoint,
    pub status: u16,
    pub stream: bool,
    pub model: &'c str,
    /// Milliseconds from its start.
    pub first_byte: Option<u64>,
    pub total: u64,
    /// What was billed, if anything: tokens of the prompt, those of them that a cache served, tokens of the answer,
    /// and billionths of a dollar.
    pub billed: Billed,
}

/// See [`Finished::billed`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Billed {
    pub input: u64,
    pub cached: u64,
    pub output: u64,
    pub nano: i64,
}

/// The counters of one model.
struct Model {
    ok: IntCounter,
    error: IntCounter,
    input: IntCounter,
    cached: IntCounter,
    output: IntCounter,
    nano: AtomicU64,
}

#[derive(Default)]
struct AtEndpoint {
    statuses: [OnceLock<IntCounter>; STATUSES.len()],
    duration: [OnceLock<Histogram>; 2],
    first_byte: [OnceLock<Histogram>; 2],
}

pub struct Calls {
    requests: IntCounterVec,
    duration: HistogramVec,
    first_byte: HistogramVec,
    model_requests: IntCounterVec,
    tokens: IntCounterVec,
    refusals: IntCounterVec,
    by_endpoint: Vec<AtEndpoint>,
    by_model: ArcSwap<HashMap<String, Arc<Model>>>,
    adding: Mutex<()>,
    others: Arc<Model>,
    codes: Vec<OnceLock<IntCounter>>,
    attempts: Vec<IntCounter>,
    failovers: Vec<IntCounter>,
    answered: AtomicU64,
}

impl Calls {
    pub fn new(registry: &Registry) -> Result<Calls, Error> {
        let attempts = vec(registry, &names::ATTEMPTS)?;
        let failovers = vec(registry, &names::FAILOVERS)?;
        let each =
            |vec: &IntCounterVec| Reason::ALL.iter().map(|r| vec.with_label_values(&[r.name()])).collect();
        let (model_requests, tokens) =
            (vec(registry, &names::MODEL_REQUESTS)?, vec(registry, &names::TOKENS)?);
        Ok(Calls {
            requests: vec(registry, &names::REQUESTS)?,
            duration: histogram(registry, &names::DURATION, DURATIONS)?,
            first_byte: histogram(registry, &names::FIRST_BYTE, FIRST_BYTES)?,
            others: Arc::new(Model::new("others", &model_requests, &tokens)),
            model_requests,
            tokens,
            refusals: vec(registry, &names::REFUSALS)?,
            by_endpoint: Endpoint::ALL.iter().map(|_| AtEndpoint::default()).collect(),
            by_model: ArcSwap::default(),
            adding: Mutex::default(),
            codes: (0..CODES).map(|_| OnceLock::new()).collect(),
            attempts: each(&attempts),
            failovers: each(&failovers),
            answered: AtomicU64::new(0),
        })
    }

    /// Counts a call.
    pub fn finished(&self, call: &Finished<'_>) {
        self.answered.fetch_add(1, Ordering::Relaxed);
        let Some(here) = self.by_endpoint.get(call.endpoint as usize) else { return };
        let endpoint = call.endpoint.name();
        let kept = STATUSES.binary_search(&call.status).ok().and_then(|at| here.statuses.get(at));
        match kept {
            Some(kept) => kept.get_or_init(|| self.status(endpoint, call.status)).inc(),
            None => self.status(endpoint, call.status).inc(),
        }
        let stream = if call.stream { "true" } else { "false" };
        let labels = [endpoint, stream];
        if let Some(kept) = here.duration.get(usize::from(call.stream)) {
            kept.get_or_init(|| self.duration.with_label_values(&labels)).observe(seconds(call.total));
        }
        if let (Some(ms), Some(kept)) = (call.first_byte, here.first_byte.get(usize::from(call.stream))) {
            kept.get_or_init(|| self.first_byte.with_label_values(&labels)).observe(seconds(ms));
        }
        self.with_model(call.model, |model| {
            if (200..400).contains(&call.status) {
                model.ok.inc()
            } else {
                model.error.inc()
            }
            model.input.inc_by(call.billed.input);
            model.cached.inc_by(call.billed.cached);
            model.output.inc_by(call.billed.output);
            model.nano.fetch_add(u64::try_from(call.billed.nano).unwrap_or(0), Ordering::Relaxed);
        });
    }

    fn status(&self, endpoint: &str, status: u16) -> IntCounter {
        self.requests.with_label_values(&[endpoint, &status.to_string()])
    }

    fn with_model(&self, name: &str, count: impl FnOnce(&Model)) {
        let known = self.by_model.load();
        if let Some(model) = known.get(name) {
            return count(model);
        }
        if known.len() >= MODELS_MAX || name.len() > 200 {
            return count(&self.others);
        }
        drop(known);
        count(&self.add(name));
    }

    fn add(&self, name: &str) -> Arc<Model> {
        let _turn = self.adding.lock();
        let known = self.by_model.load_full();
        if let Some(model) = known.get(name) {
            return model.clone();
        }
        // Where a channel takes any name, callers may send what is none.
        if known.len() >= MODELS_MAX || crate::logging::scrub(name) != name {
            return self.others.clone();
        }
        let model = Arc::new(Model::new(name, &self.model_requests, &self.tokens));
        let mut more = HashMap::clone(&known);
        more.insert(name.to_owned(), model.clone());
        self.by_model.store(Arc::new(more));
        model
    }

    /// A request ended with an error of this code.
    pub fn refused(&self, code: Code) {
        if let Some(kept) = self.codes.get(code as usize) {
            kept.get_or_init(|| self.refusals.with_label_values(&[code.name()])).inc();
        }
    }

    /// A channel was tried.
    pub fn attempt(&self, reason: Reason) {
        if let Some(counter) = self.attempts.get(reason as usize) {
            counter.inc();
        }
    }

    /// Another channel is tried.
    pub fn failover(&self, reason: Reason) {
        if let Some(counter) = self.failovers.get(reason as usize) {
            counter.inc();
        }
    }

    /// All calls that were answered.
    pub fn answered(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }

    /// What each model has cost, in dollars. Whole billionths are added up: no cent is lost to rounding.
    pub fn costs(&self) -> Vec<(String, f64)> {
        let known = self.by_model.load();
        let of = |model: &Model| model.nano.load(Ordering::Relaxed) as f64 / 1e9;
        let mut costs: Vec<_> = known.iter().map(|(name, model)| (name.clone(), of(model))).collect();
        costs.push(("others".to_owned(), of(&self.others)));
        costs.sort_by(|a, b| a.0.cmp(&b.0));
        // A model that calls itself so shares the series.
        costs.dedup_by(|later, first| {
            later.0 == first.0 && {
                first.1 += later.1;
                true
            }
        });
        costs
    }
}

/// One more than the last code.
const CODES: usize = Code::InternalError as usize + 1;

fn seconds(ms: u64) -> f64 {
    ms as f64 / 1e3
}

impl Model {
    fn new(name: &str, requests: &IntCounterVec, tokens: &IntCounterVec) -> Model {
        Model {
            ok: requests.with_label_values(&[name, "ok"]),
            error: requests.with_label_values(&[name, "error"]),
            input: tokens.with_label_values(&[name, "input"]),
            cached: tokens.with_label_values(&[name, "cached"]),
            output: tokens.with_label_values(&[name, "output"]),
            nano: AtomicU64::new(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_are_bounded_and_their_cost_is_exact() {
        let calls = Calls::new(&Registry::new()).unwrap();
        for n in 0..MODELS_MAX + 50 {
            let model = format!("m{n}");
            let billed = Billed { nano: 1, ..Billed::default() };
            calls.finished(&Finished {
                endpoint: Endpoint::Chat,
                status: 200 + (n % 2) as u16 * 318,
                stream: false,
                model: &model,
                first_byte: Some(1),
                total: 2,
                billed,
            });
        }
        let costs = calls.costs();
        assert_eq!(costs.len(), MODELS_MAX + 1);
        assert_eq!(costs.last().unwrap(), &("others".to_owned(), 50.0 / 1e9));
        assert_eq!(calls.answered(), 550);
        assert_eq!(
            calls.requests.with_label_values(&["chat", "518"]).get(),
            275,
            "also a status nobody foresaw"
        );
    }

    #[test]
    fn a_name_that_looks_like_a_key_is_no_label() {
        let calls = Calls::new(&Registry::new()).unwrap();
        calls.with_model("sk-abcdefgh12345678", |_| {});
        calls.with_model("gpt-4o-mini", |_| {});
        let names: Vec<_> = calls.costs().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["gpt-4o-mini", "others"]);
    }

    #[test]
    fn statuses_are_sorted() {
        assert!(STATUSES.is_sorted());
    }
}
