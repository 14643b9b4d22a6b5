//! Guessing passwords is slow: after five wrong ones an account waits, longer each time, and the node checks
//! fifty a second at most (SR-13). In memory, per node. Names that nobody has count as well, so that the
//! waiting tells nothing.

use crate::error::{ApiError, too_many};
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Wrong passwords before the first wait.
const FREE: u32 = 5;
/// Sign-ins of one account that may be under way at once while it has no wrong ones behind it.
const AT_ONCE: u32 = 16;
/// The first wait and the longest: 35 guesses an hour get through at most, beyond the first ones.
const FIRST: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_secs(120);
/// After this long without a wrong one, an account starts afresh.
const FORGET: Duration = Duration::from_secs(3600);
/// Accounts that are remembered at most.
const NAMES_MAX: usize = 100_000;
/// Sign-ins per second, of all accounts together.
const PER_SECOND: u32 = 50;

type Key = [u8; 32];

#[derive(Debug, Clone, Copy)]
struct Fails {
    count: u32,
    under_way: u32,
    last: Instant,
    until: Instant,
}

struct State {
    names: HashMap<Key, Fails>,
    second: Instant,
    in_second: u32,
}

/// What is known of wrong passwords.
pub struct Lockout {
    state: Mutex<State>,
}

impl Default for Lockout {
    fn default() -> Self {
        let state = State { names: HashMap::new(), second: Instant::now(), in_second: 0 };
        Self { state: Mutex::new(state) }
    }
}

/// A sign-in under way. Dropped without a word, it counts as a wrong password: a caller who hangs up early
/// guesses no cheaper.
pub struct Attempt<'a> {
    lockout: &'a Lockout,
    key: Key,
    outcome: Outcome,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Wrong,
    Right,
    Unknown,
}

fn key(name: &str) -> Key {
    Sha256::digest(name.to_lowercase().as_bytes()).into()
}

impl Lockout {
    /// Before a password is checked.
    ///
    /// # Errors
    /// 429: the account has to wait, or the node has enough to do.
    pub fn begin(&self, name: &str) -> Result<Attempt<'_>, ApiError> {
        let key = key(name);
        self.admit(key, Instant::now()).map_err(too_many)?;
        Ok(Attempt { lockout: self, key, outcome: Outcome::Wrong })
    }

    /// The account has a new password: what was guessed before says nothing.
    pub fn forgive(&self, name: &str) {
        self.state.lock().names.remove(&key(name));
    }

    fn admit(&self, key: Key, now: Instant) -> Result<(), u64> {
        let state = &mut *self.state.lock();
        if let Some(fails) = state.names.get_mut(&key) {
            if now.duration_since(fails.last) > FORGET {
                fails.count = 0;
            }
            if fails.until > now {
                return Err(fails.until.duration_since(now).as_secs() + 1);
            }
            let room = if fails.count >= FREE { 1 } else { AT_ONCE };
            if fails.under_way >= room {
                return Err(1);
            }
        }
        if now.duration_since(state.second) >= Duration::from_secs(1) {
            (state.second, state.in_second) = (now, 0);
        }
        if state.in_second >= PER_SECOND {
            return Err(1);
        }
        state.in_second += 1;
        if state.names.len() >= NAMES_MAX && !state.names.contains_key(&key) {
            make_room(&mut state.names, now);
        }
        let fresh = Fails { count: 0, under_way: 0, last: now, until: now };
        state.names.entry(key).or_insert(fresh).under_way += 1;
        Ok(())
    }

    fn end(&self, key: Key, outcome: Outcome, now: Instant) {
        let names = &mut self.state.lock().names;
        let Some(fails) = names.get_mut(&key) else { return };
        fails.under_way = fails.under_way.saturating_sub(1);
        match outcome {
            Outcome::Right => fails.count = 0,
            Outcome::Unknown => {}
            Outcome::Wrong => {
                fails.count = fails.count.saturating_add(1);
                fails.last = now;
                if fails.count >= FREE {
                    let wait = FIRST.saturating_mul(1 << (fails.count - FREE).min(8)).min(LONGEST);
                    fails.until = now + wait;
                }
            }
        }
        if fails.count == 0 && fails.under_way == 0 {
            names.remove(&key);
        }
    }
}

/// Who waits for nothing goes first; if all wait, the half that has been quiet for longest.
fn make_room(names: &mut HashMap<Key, Fails>, now: Instant) {
    names.retain(|_, fails| fails.under_way > 0 || fails.until > now);
    if names.len() >= NAMES_MAX {
        let mut times: Vec<Instant> = names.values().map(|fails| fails.last).collect();
        let middle = times.len() / 2;
        let (_, cut, _) = times.select_nth_unstable(middle);
        let cut = *cut;
        names.retain(|_, fails| fails.last > cut);
    }
}

impl Attempt<'_> {
    /// The password was right.
    pub fn right(mut self) {
        self.outcome = Outcome::Right;
    }

    /// It was not checked: the database is away.
    pub fn unknown(mut self) {
        self.outcome = Outcome::Unknown;
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        self.lockout.end(self.key, self.outcome, Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn an_hour_of_guessing_gets_few_guesses_in() {
        let lockout = Lockout::default();
        let start = Instant::now();
        let (key, mut evaluated) = (key("Alice"), 0);
        for second in 0..3600 {
            let now = start + SECOND * second;
            for _ in 0..3 {
                if lockout.admit(key, now).is_ok() {
                    lockout.end(key, Outcome::Wrong, now);
                    evaluated += 1;
                }
            }
        }
        assert!((20..=60).contains(&evaluated), "{evaluated}");
        assert!(lockout.begin("bob").is_ok(), "others are free");
    }

    #[test]
    fn guesses_at_once_are_bounded_too() {
        let lockout = Lockout::default();
        let attempts: Vec<_> = (0..30).filter_map(|_| lockout.begin("alice").ok()).collect();
        assert_eq!(attempts.len(), 16);
        drop(attempts);
        assert!(lockout.begin("ALICE").is_err(), "hanging up counts, and case does not help");
    }

    #[test]
    fn a_right_password_clears_the_slate() {
        let lockout = Lockout::default();
        for _ in 0..5 {
            for _ in 0..4 {
                drop(lockout.begin("alice").ok());
            }
            if let Ok(attempt) = lockout.begin("alice") {
                attempt.right();
            }
        }
        assert!(lockout.state.lock().names.is_empty());
        for _ in 0..5 {
            drop(lockout.begin("alice").ok());
        }
        assert!(lockout.begin("alice").is_err());
        lockout.forgive("Alice");
        assert!(lockout.begin("alice").is_ok());
    }

    #[test]
    fn a_second_has_fifty() {
        let lockout = Lockout::default();
        let start = lockout.state.lock().second;
        let admitted = (0..80u8).filter(|n| lockout.admit([*n; 32], start).is_ok()).count();
        assert_eq!(admitted, 50);
        assert!(lockout.admit([99; 32], start + SECOND).is_ok());
    }

    #[test]
    fn the_memory_is_bounded() {
        let mut names = HashMap::new();
        let now = Instant::now();
        for n in 0..NAMES_MAX as u64 {
            let mut key = [0; 32];
            key[..8].copy_from_slice(&n.to_le_bytes());
            let last = now + Duration::from_millis(n);
            names.insert(key, Fails { count: 9, under_way: 0, last, until: now + LONGEST });
        }
        make_room(&mut names, now);
        assert!(names.len() <= NAMES_MAX / 2, "{}", names.len());
    }
}
