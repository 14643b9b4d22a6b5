//! Limits on requests and tokens per minute and on calls in flight, in memory.

use magic_domain::channel::Limits;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// Counts of the running and the previous minute; the previous one fades out linearly, so that a burst at
/// the turn of a minute is not let through twice.
#[derive(Debug, Default, Clone, Copy)]
struct Window {
    start_ms: u64,
    now: u64,
    before: u64,
}

const MINUTE_MS: u64 = 60_000;

impl Window {
    fn roll(&mut self, now_ms: u64) {
        let age = now_ms.saturating_sub(self.start_ms);
        if age >= 2 * MINUTE_MS {
            *self = Window { start_ms: now_ms, now: 0, before: 0 };
        } else if age >= MINUTE_MS {
            *self = Window { start_ms: self.start_ms + MINUTE_MS, now: 0, before: self.now };
        }
    }

    fn used(&mut self, now_ms: u64) -> u64 {
        self.roll(now_ms);
        let left = MINUTE_MS - now_ms.saturating_sub(self.start_ms).min(MINUTE_MS);
        self.now + (self.before * left).div_ceil(MINUTE_MS)
    }

    fn wait_seconds(&self, now_ms: u64) -> u64 {
        (self.start_ms + MINUTE_MS).saturating_sub(now_ms).div_ceil(1000).max(1)
    }
}

/// What one token, user or channel has used.
#[derive(Debug, Default)]
pub struct Meter {
    windows: Mutex<(Window, Window)>,
    in_flight: AtomicU32,
}

/// A limit that is reached, with the seconds after which it is worth trying again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reached {
    pub what: &'static str,
    pub retry_after: u64,
}

impl Meter {
    /// Whether a call would go over a limit now; counts nothing.
    pub fn check(&self, limits: &Limits, now_ms: u64) -> Result<(), Reached> {
        if let Some(max) = limits.concurrency
            && self.in_flight.load(Ordering::Relaxed) >= max
        {
            return Err(Reached { what: "calls in flight", retry_after: 1 });
        }
        if limits.rpm.is_none() && limits.tpm.is_none() {
            return Ok(());
        }
        let mut windows = self.windows.lock();
        if let Some(max) = limits.rpm
            && windows.0.used(now_ms) >= u64::from(max)
        {
            return Err(Reached { what: "requests per minute", retry_after: windows.0.wait_seconds(now_ms) });
        }
        if let Some(max) = limits.tpm
            && windows.1.used(now_ms) >= max
        {
            return Err(Reached { what: "tokens per minute", retry_after: windows.1.wait_seconds(now_ms) });
        }
        Ok(())
    }

    /// Counts a call, or says which limit it would break. All or nothing: a refused call uses up nothing.
    pub fn enter(self: &Arc<Self>, limits: &Limits, now_ms: u64) -> Result<InFlight, Reached> {
        let max = limits.concurrency.unwrap_or(u32::MAX);
        let entered = self.in_flight.fetch_update(Ordering::AcqRel, Ordering::Relaxed, |count| {
            (count < max).then(|| count.saturating_add(1))
        });
        if entered.is_err() {
            return Err(Reached { what: "calls in flight", retry_after: 1 });
        }
        let place = InFlight(self.clone());
        let unlimited = Limits { concurrency: None, ..*limits };
        self.check(&unlimited, now_ms)?;
        if limits.rpm.is_some() {
            let mut windows = self.windows.lock();
            windows.0.roll(now_ms);
            windows.0.now += 1;
        }
        Ok(place)
    }

    /// Counts the tokens of a finished call.
    pub fn tokens(&self, tokens: u64, now_ms: u64) {
        let mut windows = self.windows.lock();
        windows.1.roll(now_ms);
        windows.1.now = windows.1.now.saturating_add(tokens);
    }

    pub fn in_flight(&self) -> u32 {
        self.in_flight.load(Ordering::Relaxed)
    }
}

/// A place among the calls in flight; dropping it frees the place.
#[derive(Debug)]
pub struct InFlight(Arc<Meter>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::AcqRel);
    }
}

/// How many retries a model's traffic may cause: a fifth of its calls and ten a second besides, so that an
/// outage is not answered with a storm (reliability rules §4).
#[derive(Debug)]
pub struct RetryBudget(Mutex<(u64, u64)>);

impl Default for RetryBudget {
    /// A model nobody has called yet may be retried: a second's worth is there from the start.
    fn default() -> Self {
        RetryBudget(Mutex::new((PER_SECOND, 0)))
    }
}

/// Thousandths of a retry that one call earns, and the most that can be saved up.
const EARNED: u64 = 200;
const SAVED_MAX: u64 = 100_000;
const PER_SECOND: u64 = 10_000;

impl RetryBudget {
    pub fn earn(&self, now_ms: u64) {
        let mut state = self.0.lock();
        Self::refill(&mut state, now_ms);
        state.0 = (state.0 + EARNED).min(SAVED_MAX);
    }

    pub fn spend(&self, now_ms: u64) -> bool {
        let mut state = self.0.lock();
        Self::refill(&mut state, now_ms);
        let enough = state.0 >= 1000;
        if enough {
            state.0 -= 1000;
        }
        enough
    }

    fn refill(state: &mut (u64, u64), now_ms: u64) {
        let passed = now_ms.saturating_sub(state.1).min(10_000);
        state.0 = (state.0 + passed * PER_SECOND / 1000).min(SAVED_MAX);
        state.1 = now_ms;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(rpm: Option<u32>, tpm: Option<u64>, concurrency: Option<u32>) -> Limits {
        Limits { rpm, tpm, concurrency }
    }

    #[test]
    fn a_refused_call_uses_up_nothing() {
        let meter = Arc::new(Meter::default());
        let two = limits(Some(2), None, None);
        assert!(meter.enter(&two, 0).is_ok());
        assert!(meter.enter(&two, 0).is_ok());
        for _ in 0..5 {
            assert_eq!(meter.enter(&two, 1).unwrap_err().what, "requests per minute");
        }
        assert_eq!(meter.in_flight(), 0);
        assert!(meter.enter(&two, 2 * MINUTE_MS).is_ok());
    }

    #[test]
    fn the_turn_of_a_minute_is_no_second_chance() {
        let meter = Arc::new(Meter::default());
        let ten = limits(Some(10), None, None);
        for _ in 0..10 {
            meter.enter(&ten, 59_000).ok();
        }
        assert!(meter.enter(&ten, 60_001).is_err());
    }

    #[test]
    fn places_are_freed_when_calls_end() {
        let meter = Arc::new(Meter::default());
        let one = limits(None, None, Some(1));
        let place = meter.enter(&one, 0).unwrap();
        assert!(meter.enter(&one, 0).is_err());
        drop(place);
        assert!(meter.enter(&one, 0).is_ok());
    }

    #[test]
    fn tokens_count_after_the_call() {
        let meter = Arc::new(Meter::default());
        let hundred = limits(None, Some(100), None);
        assert!(meter.enter(&hundred, 0).is_ok());
        meter.tokens(100, 0);
        let reached = meter.enter(&hundred, 1).unwrap_err();
        assert_eq!((reached.what, reached.retry_after), ("tokens per minute", 60));
    }

    #[test]
    fn an_outage_is_not_answered_with_a_storm() {
        let budget = RetryBudget::default();
        (0..100).for_each(|_| budget.earn(0));
        let retries = (0..100).filter(|_| budget.spend(0)).count();
        assert_eq!(retries, 30);
        assert!(budget.spend(1000));
    }
}
