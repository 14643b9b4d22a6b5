//! Metrics in Prometheus' text form. Every name of the program stands here.

use magic_wire::chat::{Dialect, Loss, LossKind};
use prometheus::{Encoder, IntCounterVec, IntGauge, Opts, Registry, TextEncoder};
use std::sync::atomic::{AtomicU64, Ordering};

/// Names of members that are told apart; a caller's own inventions beyond this share one.
const MEMBERS_MAX: usize = 500;

/// The counters of a process.
pub struct Metrics {
    registry: Registry,
    /// `magic_requests_total{endpoint,status}`: calls to vendors that have been answered.
    requests: IntCounterVec,
    /// `magic_conversion_losses_total{from,to,kind,member}`: what a request said and its vendor's dialect can't.
    losses: IntCounterVec,
    /// `magic_captures_total{outcome}`: bodies that were to be kept, and whether they are.
    captures: IntCounterVec,
    /// `magic_requests_in_flight`.
    in_flight: IntGauge,
    /// All of `requests`.
    answered: AtomicU64,
    seen: parking_lot::Mutex<std::collections::HashSet<String>>,
}

impl Metrics {
    /// Errors are mistakes in the names below.
    pub fn new() -> Result<Metrics, prometheus::Error> {
        let registry = Registry::new();
        let vec = |name: &str, help: &str, labels: &[&str]| -> Result<IntCounterVec, prometheus::Error> {
            let counters = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(counters.clone()))?;
            Ok(counters)
        };
        let requests =
            vec("magic_requests_total", "Calls to vendors that were answered.", &["endpoint", "status"])?;
        let losses = vec(
            "magic_conversion_losses_total",
            "Members of requests that the vendor's dialect could not say.",
            &["from", "to", "kind", "member"],
        )?;
        let captures = vec("magic_captures_total", "Calls whose bodies were to be kept.", &["outcome"])?;
        let in_flight = IntGauge::new("magic_requests_in_flight", "Requests under way.")?;
        registry.register(Box::new(in_flight.clone()))?;
        Ok(Metrics {
            registry,
            requests,
            losses,
            captures,
            in_flight,
            answered: AtomicU64::new(0),
            seen: Default::default(),
        })
    }

    pub fn request(&self, endpoint: &str, status: u16) {
        self.requests.with_label_values(&[endpoint, &status.to_string()]).inc();
        self.answered.fetch_add(1, Ordering::Relaxed);
    }

    /// How many calls have been answered, of all endpoints.
    pub fn answered(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }

    /// Counts a capture that is kept, or dropped.
    pub fn capture(&self, kept: bool) {
        self.captures.with_label_values(&[if kept { "kept" } else { "dropped" }]).inc();
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
                if seen.len() >= MEMBERS_MAX {
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
    pub fn text(&self, in_flight: u64) -> Vec<u8> {
        self.in_flight.set(i64::try_from(in_flight).unwrap_or(i64::MAX));
        let mut out = Vec::new();
        // Writing to memory can't fail.
        let _ = TextEncoder::new().encode(&self.registry.gather(), &mut out);
        out
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
        metrics.request("chat", 200);
        let text = String::from_utf8(metrics.text(3)).unwrap();
        assert_eq!(text.matches("magic_conversion_losses_total{").count(), MEMBERS_MAX + 1);
        assert!(text.contains("member=\"others\",to=\"Anthropic\"} 50"), "{text}");
        assert!(text.contains("magic_requests_total{endpoint=\"chat\",status=\"200\"} 1"));
        assert!(text.contains("magic_requests_in_flight 3"));
    }
}
