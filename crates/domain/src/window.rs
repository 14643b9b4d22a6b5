//! A sliding window that never lets more through than it says, in fixed memory.
//!
//! Time is cut into slices, twenty to a window. What was counted in a slice counts until the whole slice is
//! older than the window: a window therefore errs on the strict side by at most one slice, and never on the
//! other, not even at the turn of a minute.

/// Slices in a window.
const SLICES: u64 = 20;
/// The slice that is under way is counted besides.
const KEPT: usize = SLICES as usize + 1;

/// See the module's text. Clocks are milliseconds of any monotonic clock.
#[derive(Debug, Clone)]
pub struct Window {
    slice_ms: u64,
    /// The slice under way.
    last: u64,
    total: u64,
    counts: [u64; KEPT],
}

impl Window {
    pub fn new(seconds: u32) -> Window {
        Window { slice_ms: u64::from(seconds.max(1)) * 1000 / SLICES, last: 0, total: 0, counts: [0; KEPT] }
    }

    fn at(&mut self, slice: u64) -> &mut u64 {
        // A remainder of KEPT is an index of KEPT counts.
        &mut self.counts[(slice % KEPT as u64) as usize]
    }

    fn roll(&mut self, now_ms: u64) {
        let slice = now_ms / self.slice_ms;
        if slice <= self.last {
            return;
        }
        if slice - self.last > SLICES {
            (self.total, self.counts) = (0, [0; KEPT]);
        } else {
            for passed in self.last + 1..=slice {
                let gone = std::mem::take(self.at(passed));
                self.total = self.total.saturating_sub(gone);
            }
        }
        self.last = slice;
    }

    /// What has been counted in the window that ends now.
    pub fn used(&mut self, now_ms: u64) -> u64 {
        self.roll(now_ms);
        self.total
    }

    /// Counts.
    pub fn add(&mut self, count: u64, now_ms: u64) {
        self.roll(now_ms);
        let last = self.last;
        let slot = self.at(last);
        *slot = slot.saturating_add(count);
        self.total = self.total.saturating_add(count);
    }

    /// Takes back what was counted at a time, as if it had never been.
    pub fn take_back(&mut self, count: u64, then_ms: u64) {
        let slice = then_ms / self.slice_ms;
        if slice <= self.last && self.last - slice <= SLICES {
            let slot = self.at(slice);
            let taken = count.min(*slot);
            *slot -= taken;
            self.total = self.total.saturating_sub(taken);
        }
    }

    /// Milliseconds until `count` of what is used has left the window; 0 when there is nothing to wait for.
    pub fn room_in(&mut self, count: u64, now_ms: u64) -> u64 {
        self.roll(now_ms);
        let mut left = 0u64;
        if count == 0 {
            return 0;
        }
        for slice in self.last.saturating_sub(SLICES)..=self.last {
            left = left.saturating_add(*self.at(slice));
            if left >= count {
                return ((slice + KEPT as u64) * self.slice_ms).saturating_sub(now_ms);
            }
        }
        KEPT as u64 * self.slice_ms
    }

    /// Milliseconds until nothing is used any more.
    pub fn empty_in(&mut self, now_ms: u64) -> u64 {
        let used = self.used(now_ms);
        self.room_in(used, now_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_turn_of_a_minute_is_no_second_chance() {
        let mut window = Window::new(60);
        window.add(10, 59_999);
        assert_eq!(window.used(60_001), 10);
        assert_eq!(window.used(119_999), 10);
        assert_eq!(window.used(123_000), 0);
    }

    #[test]
    fn room_comes_when_it_is_said_to() {
        let mut window = Window::new(60);
        window.add(1, 0);
        window.add(2, 30_000);
        assert_eq!(window.room_in(1, 40_000), 23_000);
        assert_eq!((window.clone().used(62_999), window.clone().used(63_000)), (3, 2));
        assert_eq!(window.room_in(2, 40_000), 53_000);
        assert_eq!(window.empty_in(40_000), 53_000);
        assert_eq!(Window::new(1).empty_in(5), 0);
    }

    #[test]
    fn what_is_taken_back_has_never_been() {
        let mut window = Window::new(1);
        window.add(3, 100);
        window.take_back(2, 100);
        assert_eq!(window.used(100), 1);
        window.add(1, 200);
        assert_eq!(window.used(60_000), 0);
        window.add(1, 60_000);
        window.take_back(1, 200);
        assert_eq!(window.used(60_000), 1);
    }

    proptest! {
        /// Whatever comes when: in no stretch of the window's length is more let through than the limit.
        #[test]
        fn never_more_than_the_limit(
            seconds in 1u32..100,
            max in 1u64..20,
            steps in prop::collection::vec((0u64..150_000, any::<bool>(), any::<bool>()), 1..400),
        ) {
            let mut window = Window::new(seconds);
            let (mut now, mut passed) = (0u64, Vec::<u64>::new());
            for (wait, cancelled, long) in steps {
                now += wait % (u64::from(seconds) * if long { 1300 } else { 50 });
                if window.used(now) >= max {
                    continue;
                }
                window.add(1, now);
                if cancelled {
                    window.take_back(1, now);
                } else {
                    passed.push(now);
                }
            }
            let length = u64::from(seconds) * 1000;
            for (index, start) in passed.iter().enumerate() {
                let inside = passed[index..].iter().take_while(|at| **at < start + length).count() as u64;
                prop_assert!(inside <= max, "{inside} of {max} within {seconds} s");
            }
        }

        /// After the wait that was told there is room, and not a moment before.
        #[test]
        fn the_wait_is_honest(seconds in 1u32..100, times in prop::collection::vec(0u64..20_000, 1..30)) {
            let mut window = Window::new(seconds);
            let mut now = 0;
            for wait in times {
                now += wait;
                window.add(1, now);
            }
            let used = window.used(now);
            let wait = window.room_in(1, now);
            prop_assert!(wait > 0);
            prop_assert_eq!(window.clone().used(now + wait - 1), used);
            prop_assert!(window.used(now + wait) < used);
        }
    }
}
