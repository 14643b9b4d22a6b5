//! Tokens that are fetched once and used until shortly before they expire.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A token is fetched anew this long before it would expire.
const MARGIN: Duration = Duration::from_secs(300);
/// After a failure nobody asks again for this long: calls fail at once and go to another channel.
const PAUSE: Duration = Duration::from_secs(5);
/// A fetch takes this long at most.
const DEADLINE: Duration = Duration::from_secs(10);
/// Accounts kept; beyond this the table starts anew.
const ACCOUNTS_MAX: usize = 4096;

/// A token and how long it is good for.
pub struct Fresh {
    pub token: String,
    pub lives: Duration,
}

enum State {
    Empty,
    Good { token: String, until: Instant },
    Failed { why: String, until: Instant },
}

type Place = Arc<tokio::sync::Mutex<State>>;

/// The table, by a hash of the account's secret: the secret itself is not kept twice.
#[derive(Default)]
pub struct Kept(Mutex<HashMap<u64, Place>>);

impl Kept {
    /// The account's token: the one at hand, or a new one that one caller fetches while the others wait.
    pub async fn get<F>(&self, account: &str, fetch: impl FnOnce() -> F) -> Result<String, String>
    where
        F: Future<Output = Result<Fresh, String>>,
    {
        let place = self.place(account);
        let mut state = place.lock().await;
        let now = Instant::now();
        match &*state {
            State::Good { token, until } if *until > now => return Ok(token.clone()),
            State::Failed { why, until } if *until > now => return Err(why.clone()),
            _ => {}
        }
        let fetched = tokio::time::timeout(DEADLINE, fetch()).await;
        match fetched.unwrap_or_else(|_| Err("no token in time".into())) {
            Ok(Fresh { token, lives }) => {
                let until = Instant::now() + lives.saturating_sub(MARGIN).max(lives / 2);
                *state = State::Good { token: token.clone(), until };
                Ok(token)
            }
            Err(why) => {
                *state = State::Failed { why: why.clone(), until: Instant::now() + PAUSE };
                Err(why)
            }
        }
    }

    fn place(&self, account: &str) -> Place {
        let mut hasher = DefaultHasher::new();
        account.hash(&mut hasher);
        let mut places = self.0.lock();
        if places.len() >= ACCOUNTS_MAX {
            places.clear();
        }
        places
            .entry(hasher.finish())
            .or_insert_with(|| Arc::new(tokio::sync::Mutex::new(State::Empty)))
            .clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[tokio::test]
    async fn many_callers_fetch_a_token_once() {
        let (kept, fetched) = (Kept::default(), AtomicU32::new(0));
        let fetch = || async {
            fetched.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
            Ok(Fresh { token: "t".into(), lives: Duration::from_secs(3600) })
        };
        let all = futures::future::join_all((0..20).map(|_| kept.get("a", fetch))).await;
        assert!(all.iter().all(|token| token.as_deref() == Ok("t")));
        assert_eq!(fetched.load(Ordering::Relaxed), 1);
        kept.get("b", fetch).await.unwrap();
        assert_eq!(fetched.load(Ordering::Relaxed), 2);
    }

    #[tokio::test]
    async fn a_failure_is_remembered_and_a_dead_token_is_not_used() {
        let kept = Kept::default();
        let no = || async { Err::<Fresh, _>("no".to_owned()) };
        assert!(kept.get("a", no).await.is_err());
        let never = || async { unreachable!("asked again at once") };
        assert_eq!(kept.get("a", never).await, Err("no".into()));
        let dead = || async { Ok(Fresh { token: "x".into(), lives: Duration::ZERO }) };
        kept.get("c", dead).await.unwrap();
        let next = || async { Ok(Fresh { token: "y".into(), lives: Duration::ZERO }) };
        assert_eq!(kept.get("c", next).await.as_deref(), Ok("y"));
    }
}
