//! Where in the journal the batches of the last minute begin: a database may come back without what it had committed.

use magic_journal::Position;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// For how long the journal keeps what has been posted. A replica that is further behind is no candidate for a failover.
const KEPT: Duration = Duration::from_secs(60);
/// Batches that begin within so long of each other share a step.
const STEP: Duration = Duration::from_secs(1);

/// A batch: its number, where reading begins for it to come together again, and when it was posted.
struct Step {
    nth: i64,
    begins: Position,
    at: Instant,
}

#[derive(Default)]
pub struct Trail {
    steps: VecDeque<Step>,
    /// When the last batch was added.
    last: Option<Instant>,
}

impl Trail {
    /// Batch number `nth` has been posted.
    pub fn add(&mut self, nth: i64, begins: Position, now: Instant) {
        self.last = Some(now);
        if self.steps.back().is_none_or(|step| now.duration_since(step.at) >= STEP) {
            self.steps.push_back(Step { nth, begins, at: now });
        }
    }

    /// Where the journal has to be kept from. `None`: nothing of it.
    pub fn kept_from(&mut self, now: Instant) -> Option<Position> {
        let old = |at: Instant| now.duration_since(at) > KEPT;
        // A step holds the batches up to the next one's.
        while self.steps.get(1).map(|next| next.at).or(self.last).is_some_and(old) {
            self.steps.pop_front();
            if self.steps.is_empty() {
                self.last = None;
            }
        }
        self.steps.front().map(|step| step.begins)
    }

    /// Only the first `kept` batches are there. Where to begin so that the others come again; `None`: further back than
    /// is known here.
    pub fn back_to(&mut self, kept: i64) -> Option<Position> {
        while self.steps.back().is_some_and(|step| step.nth > kept + 1) {
            self.steps.pop_back();
        }
        self.steps.back().map(|step| step.begins)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(offset: u64) -> Position {
        Position { segment: 1, offset }
    }

    fn walked(begun: Instant) -> Trail {
        let mut trail = Trail::default();
        for (nth, offset, ms) in [(1, 10, 0), (2, 20, 400), (3, 30, 900), (4, 40, 1_000), (5, 50, 5_000)] {
            trail.add(nth, at(offset), begun + Duration::from_millis(ms));
        }
        trail
    }

    #[test]
    fn reading_begins_at_or_before_the_first_batch_that_is_missing() {
        for (kept, begins) in [(5, 50), (4, 50), (3, 40), (2, 10), (1, 10), (0, 10)] {
            assert_eq!(walked(Instant::now()).back_to(kept), Some(at(begins)), "{kept}");
        }
        assert_eq!(Trail::default().back_to(3), None);
    }

    #[test]
    fn what_was_posted_within_a_minute_is_kept() {
        let begun = Instant::now();
        let mut trail = walked(begun);
        for (ms, begins) in [
            (60_000, Some(10)),
            // The third batch was posted before the fourth.
            (61_000, Some(10)),
            (61_001, Some(40)),
            (65_000, Some(40)),
            (65_001, None),
        ] {
            assert_eq!(trail.kept_from(begun + Duration::from_millis(ms)), begins.map(at), "{ms}");
        }
        assert_eq!(trail.back_to(3), None);
    }
}
