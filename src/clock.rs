//! The time of day that decisions are made by: what token is over, which day a budget is for, when a call was. It runs
//! with the monotonic clock and is set by the database's, so that a machine whose clock is wrong, or jumps, lets no token
//! expire and moves no budget's window (F30). A database in a file has the machine's clock; there a jump is followed.

use chrono::{DateTime, Local, TimeZone, Utc};
use magic_store::Store;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

/// Between two looks at the database's clock.
const PAUSE: Duration = Duration::from_secs(5);
/// From here on a difference is told.
const WRONG_MS: i64 = 500;

/// A process has one time of day.
static CLOCK: LazyLock<Clock> = LazyLock::new(|| {
    let born = Instant::now();
    Clock { born, began_ms: AtomicI64::new(Utc::now().timestamp_millis()), ahead_ms: AtomicI64::new(0) }
});

struct Clock {
    born: Instant,
    /// Unix milliseconds at `born`, as far as is known now.
    began_ms: AtomicI64,
    /// The database's time less the machine's.
    ahead_ms: AtomicI64,
}

impl Clock {
    fn elapsed_ms(&self) -> i64 {
        i64::try_from(self.born.elapsed().as_millis()).unwrap_or(i64::MAX)
    }
}

/// Unix milliseconds.
pub fn millis() -> i64 {
    CLOCK.began_ms.load(Ordering::Relaxed).saturating_add(CLOCK.elapsed_ms())
}

/// Unix seconds.
pub fn seconds() -> i64 {
    millis().div_euclid(1000)
}

/// The same in the machine's time zone.
pub fn local() -> DateTime<Local> {
    Local.timestamp_millis_opt(millis()).single().unwrap_or_else(Local::now)
}

/// How far the database's clock is ahead of the machine's, in seconds.
pub fn ahead() -> f64 {
    CLOCK.ahead_ms.load(Ordering::Relaxed) as f64 / 1000.0
}

/// Sets the time of day by the database's, before anything is decided by it.
pub async fn begin(store: &Store) -> Watch {
    let mut watch = Watch { begun: machine(), wrong: false };
    watch.ask(store).await;
    watch
}

/// Sets it again and again.
pub async fn run(store: Store, mut watch: Watch) {
    loop {
        tokio::time::sleep(PAUSE).await;
        watch.ask(&store).await;
    }
}

/// The machine's time of day and its monotonic clock, in milliseconds.
fn machine() -> (i64, i64) {
    (Utc::now().timestamp_millis(), CLOCK.elapsed_ms())
}

/// What is told of the machine's clock: each change once.
pub struct Watch {
    begun: (i64, i64),
    wrong: bool,
}

impl Watch {
    async fn ask(&mut self, store: &Store) {
        // That the database is away is told elsewhere: the time goes on by itself.
        let ahead = store.clock_ahead().await.unwrap_or(None);
        self.look(machine(), ahead).iter().for_each(|line| log::warn!("{line}"));
    }

    fn look(&mut self, (wall, mono): (i64, i64), ahead: Option<i64>) -> Vec<String> {
        let mut told = Vec::new();
        let jump = wall - self.begun.0 - (mono - self.begun.1);
        if jump.abs() >= WRONG_MS {
            let way = if jump > 0 { "forward" } else { "back" };
            told.push(format!("this machine's clock was set {way} by {:.1} s", jump.abs() as f64 / 1000.0));
        }
        self.begun = (wall, mono);
        let Some(ahead) = ahead else { return told };
        CLOCK.began_ms.store(wall + ahead - mono, Ordering::Relaxed);
        CLOCK.ahead_ms.store(ahead, Ordering::Relaxed);
        let wrong = ahead.abs() >= WRONG_MS;
        if wrong != self.wrong {
            self.wrong = wrong;
            told.push(match wrong {
                true => format!(
                    "this machine's clock is {:.1} s {} the database's, which counts",
                    ahead.abs() as f64 / 1000.0,
                    if ahead > 0 { "behind" } else { "ahead of" }
                ),
                false => "this machine's clock agrees with the database's again".to_owned(),
            });
        }
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_told_once_and_the_databases_clock_counts() {
        let start = Utc::now().timestamp_millis();
        let mut watch = Watch { begun: (start, 0), wrong: false };
        assert!(watch.look((start + 5000, 5000), Some(3)).is_empty());
        let told = watch.look((start + 3_610_000, 10_000), Some(-3_600_000));
        assert!(told.len() == 2 && told[0].contains("forward by 3600.0 s"), "{told:?}");
        assert!(told[1].contains("3600.0 s ahead of"), "{told:?}");
        let off = millis() - (start + 10_000 + CLOCK.elapsed_ms() - 10_000);
        assert!(off.abs() < 1000, "{off}");
        assert!(watch.look((start + 3_615_000, 15_000), Some(-3_600_000)).is_empty());
        let told = watch.look((start + 20_000, 20_000), Some(0));
        assert!(told.len() == 2 && told[0].contains("back by") && told[1].contains("again"), "{told:?}");
        // While the database is away nothing is known of its clock.
        assert!(watch.look((start + 25_000, 25_000), None).is_empty());
    }
}
