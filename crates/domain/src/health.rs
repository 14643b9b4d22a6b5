//! When a channel is given a rest: ejection after failures, growing pauses, half-open probes.
//! A state machine over an instant that the caller passes in (milliseconds of a monotonic clock).
//!
//! Figures: reliability rules §4. Five failures in a row, or more than half of at least twenty calls within
//! 30 s, eject for 30 s × n, at most 10 min; then one probe at a time until it succeeds.

/// What came of one try of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Success,
    /// Connect errors, time-outs, 5xx, broken streams.
    Failure,
    /// The vendor refused our credentials: ejected at once.
    Unauthorised,
    /// The vendor asked us to slow down: set aside for that long, which is no mark against it.
    Limited {
        retry_after_ms: u64,
    },
    /// The request was at fault, or the client left: says nothing about the channel.
    Neutral,
}

/// Whether a channel can be tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Ready,
    /// Resting for that many more milliseconds.
    Ejected {
        for_ms: u64,
    },
    /// The rest is over and nobody is probing it: one call may.
    Probe,
    /// Another call is probing it.
    Probing,
}

const CONSECUTIVE: u32 = 5;
const WINDOW_MS: u64 = 30_000;
const WINDOW_MIN_CALLS: u32 = 20;
const BASE_MS: u64 = 30_000;
const MAX_MS: u64 = 600_000;
/// A probe that never reports (its request died) frees the place after this long.
const PROBE_MS: u64 = 180_000;

/// The health of one channel.
#[derive(Debug, Clone, Default)]
pub struct Health {
    consecutive: u32,
    window_start: u64,
    window_calls: u32,
    window_failures: u32,
    ejected_until: Option<u64>,
    ejections: u32,
    probe_since: Option<u64>,
    limited_until: u64,
    last_reason: Option<&'static str>,
}

impl Health {
    /// Whether the channel can be tried at `now`. Does not claim the probe; [`Health::claim`] does.
    pub fn verdict(&self, now: u64) -> Verdict {
        if now < self.limited_until {
            return Verdict::Ejected { for_ms: self.limited_until - now };
        }
        match self.ejected_until {
            None => Verdict::Ready,
            Some(until) if now < until => Verdict::Ejected { for_ms: until - now },
            Some(_) => match self.probe_since {
                Some(since) if now.saturating_sub(since) < PROBE_MS => Verdict::Probing,
                _ => Verdict::Probe,
            },
        }
    }

    /// Why it was last ejected, for explanations and the dashboard.
    pub fn reason(&self) -> Option<&'static str> {
        self.last_reason
    }

    /// A call is about to try the channel. False: another call got the probe first.
    pub fn claim(&mut self, now: u64) -> bool {
        match self.verdict(now) {
            Verdict::Ready => true,
            Verdict::Probe => {
                self.probe_since = Some(now);
                true
            }
            Verdict::Probing | Verdict::Ejected { .. } => false,
        }
    }

    /// A call that tried the channel is over. Returns true when this ejected it.
    pub fn record(&mut self, now: u64, outcome: Outcome) -> bool {
        match outcome {
            Outcome::Neutral => {
                self.probe_since = None;
                false
            }
            Outcome::Success => {
                self.roll(now);
                self.window_calls += 1;
                *self = Health {
                    window_start: self.window_start,
                    window_calls: self.window_calls,
                    window_failures: self.window_failures,
                    limited_until: self.limited_until,
                    ..Health::default()
                };
                false
            }
            Outcome::Limited { retry_after_ms } => {
                self.probe_since = None;
                self.limited_until = now.saturating_add(retry_after_ms.min(MAX_MS));
                self.last_reason = Some("rate limited by the vendor");
                true
            }
            Outcome::Unauthorised => {
                self.last_reason = Some("the vendor refuses the key");
                self.eject(now);
                true
            }
            Outcome::Failure => {
                self.roll(now);
                self.consecutive += 1;
                self.window_calls += 1;
                self.window_failures += 1;
                let probe_failed = self.ejected_until.is_some_and(|until| now >= until);
                let window_bad =
                    self.window_calls >= WINDOW_MIN_CALLS && self.window_failures * 2 > self.window_calls;
                if probe_failed || self.consecutive >= CONSECUTIVE || window_bad {
                    if !probe_failed && self.ejected_until.is_some() {
                        return false; // a straggler of the time before the ejection
                    }
                    self.last_reason = Some(if self.consecutive >= CONSECUTIVE || probe_failed {
                        "failed several times in a row"
                    } else {
                        "more than half of its calls failed"
                    });
                    self.eject(now);
                    return true;
                }
                false
            }
        }
    }

    fn eject(&mut self, now: u64) {
        self.ejections = self.ejections.saturating_add(1);
        self.ejected_until = Some(now + (BASE_MS * u64::from(self.ejections)).min(MAX_MS));
        self.probe_since = None;
        self.consecutive = 0;
        self.window_calls = 0;
        self.window_failures = 0;
    }

    fn roll(&mut self, now: u64) {
        if now.saturating_sub(self.window_start) >= WINDOW_MS {
            self.window_start = now;
            self.window_calls = 0;
            self.window_failures = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fail(health: &mut Health, now: u64, times: u32) -> bool {
        (0..times).any(|_| health.record(now, Outcome::Failure))
    }

    #[test]
    fn five_failures_in_a_row_eject() {
        let mut health = Health::default();
        assert!(!fail(&mut health, 0, 4));
        assert_eq!(health.verdict(0), Verdict::Ready);
        assert!(fail(&mut health, 0, 1));
        assert_eq!(health.verdict(10), Verdict::Ejected { for_ms: 29_990 });
    }

    #[test]
    fn a_success_between_starts_the_count_again() {
        let mut health = Health::default();
        fail(&mut health, 0, 4);
        health.record(0, Outcome::Success);
        assert!(!fail(&mut health, 0, 4));
    }

    #[test]
    fn more_than_half_of_twenty_eject() {
        let mut health = Health::default();
        for _ in 0..9 {
            health.record(0, Outcome::Success);
            health.record(0, Outcome::Failure);
        }
        assert!(!health.record(0, Outcome::Failure));
        assert!(health.record(0, Outcome::Failure));
    }

    #[test]
    fn one_probe_at_a_time_and_longer_rests() {
        let mut health = Health::default();
        fail(&mut health, 0, 5);
        assert_eq!(health.verdict(30_000), Verdict::Probe);
        assert!(health.claim(30_000));
        assert_eq!(health.verdict(30_001), Verdict::Probing);
        assert!(!health.claim(30_001));
        assert!(health.record(30_500, Outcome::Failure));
        assert_eq!(health.verdict(30_500), Verdict::Ejected { for_ms: 60_000 });
        assert!(health.claim(90_500));
        health.record(90_600, Outcome::Success);
        assert_eq!(health.verdict(90_600), Verdict::Ready);
    }

    #[test]
    fn a_lost_probe_frees_its_place() {
        let mut health = Health::default();
        fail(&mut health, 0, 5);
        assert!(health.claim(30_000));
        assert_eq!(health.verdict(30_000 + PROBE_MS), Verdict::Probe);
    }

    #[test]
    fn a_rate_limit_is_no_mark_against_it() {
        let mut health = Health::default();
        health.record(0, Outcome::Limited { retry_after_ms: 2_000 });
        assert_eq!(health.verdict(500), Verdict::Ejected { for_ms: 1_500 });
        assert_eq!(health.verdict(2_000), Verdict::Ready);
    }

    #[test]
    fn refused_keys_eject_at_once() {
        let mut health = Health::default();
        assert!(health.record(0, Outcome::Unauthorised));
        assert_ne!(health.verdict(1), Verdict::Ready);
    }
}
