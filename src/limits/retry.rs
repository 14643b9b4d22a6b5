//! How many retries a model's traffic may cause.

use parking_lot::Mutex;

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

    #[test]
    fn an_outage_is_not_answered_with_a_storm() {
        let budget = RetryBudget::default();
        (0..100).for_each(|_| budget.earn(0));
        let retries = (0..100).filter(|_| budget.spend(0)).count();
        assert_eq!(retries, 30);
        assert!(budget.spend(1000));
    }
}
