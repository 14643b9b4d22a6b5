//! What is done once for all nodes: tests of channels, balances, retention, payments, sums, reminders. One node has
//! the duty, in a row of the database that it renews with each sign of life; another takes it when that ends.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The duty's name in the database. One for all of it.
pub const NAME: &str = "upkeep";
/// How long the database keeps it for a node that says nothing more, in seconds.
pub const KEPT: i64 = 30;
/// How long the node itself believes in it. Shorter, so that it stops before another begins.
const BELIEVED: Duration = Duration::from_secs(25);
/// Between two looks of a job that waits for its turn.
const LOOK: Duration = Duration::from_millis(200);

/// Whether this node has the duty.
#[derive(Debug)]
pub struct Duties {
    began: Instant,
    /// Milliseconds after the beginning; 0: never.
    until: AtomicU64,
}

impl Default for Duties {
    fn default() -> Self {
        Duties { began: Instant::now(), until: AtomicU64::new(0) }
    }
}

impl Duties {
    /// What the database said when it was asked at that time.
    pub fn told(&self, held: bool, asked: Instant) {
        let until = asked.saturating_duration_since(self.began) + BELIEVED;
        let until = if held { u64::try_from(until.as_millis()).unwrap_or(u64::MAX) } else { 0 };
        self.until.store(until, Ordering::Release);
    }

    pub fn mine(&self) -> bool {
        self.began.elapsed().as_millis() < u128::from(self.until.load(Ordering::Acquire))
    }

    /// Waits until this node has the duty.
    pub async fn wait(&self) {
        while !self.mine() {
            tokio::time::sleep(LOOK).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duty_is_believed_in_for_less_than_it_is_kept() {
        let duties = Duties::default();
        assert!(!duties.mine());
        duties.told(true, Instant::now());
        assert!(duties.mine());
        let Some(before) = Instant::now().checked_sub(BELIEVED) else { return };
        duties.told(true, before.max(duties.began));
        duties.told(false, Instant::now());
        assert!(!duties.mine() && BELIEVED.as_secs() < KEPT.unsigned_abs());
    }
}
