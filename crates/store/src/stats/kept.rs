//! Charts that took long are kept: the sums as far as they had come then, to which only the rows since are to be added.
//! What is shown is as true as if it were made anew. Many who look at the same chart wait for one making of it.

use super::chart::{Chart, Points};
use crate::error::Result;
use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Charts that took less are made anew each time.
const WORTH: Duration = Duration::from_millis(50);
/// Points that are kept at most, of all charts together (some 100 bytes each).
const POINTS: usize = 100_000;

/// The sums of a chart, and the last row of the log that is in them.
pub(crate) type Made = (i64, Arc<Points>);
type Place = Arc<tokio::sync::Mutex<Option<Made>>>;

/// A chart's place, since when, and how many points it holds.
struct Entry {
    place: Place,
    since: Instant,
    points: usize,
}

#[derive(Clone)]
pub(crate) struct Kept {
    charts: Arc<Mutex<HashMap<Chart, Entry>>>,
    worth: Duration,
}

impl Default for Kept {
    fn default() -> Self {
        Kept { charts: Arc::default(), worth: WORTH }
    }
}

impl Kept {
    fn with<T>(&self, work: impl FnOnce(&mut HashMap<Chart, Entry>) -> T) -> T {
        work(&mut self.charts.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The chart's sums, as they are kept if that is `fresh` still, else as they are made.
    pub async fn get<F, M>(&self, chart: Chart, fresh: impl FnOnce(i64) -> F, make: M) -> Result<Made>
    where
        F: Future<Output = Result<bool>>,
        M: Future<Output = Result<Made>>,
    {
        let place = self.with(|all| {
            let entry = Entry { place: Place::default(), since: Instant::now(), points: 0 };
            all.entry(chart).or_insert(entry).place.clone()
        });
        let mut held = place.lock().await;
        if let Some(made) = held.as_ref().cloned()
            && fresh(made.0).await?
        {
            return Ok(made);
        }
        let begun = Instant::now();
        let made = make.await;
        let worth = made.as_ref().ok().filter(|_| begun.elapsed() >= self.worth).cloned();
        self.with(|all| match &worth {
            Some((_, points)) => make_room(all, &chart, points.len()),
            // Those who wait for this place make their own, one after the other.
            None => drop(all.remove(&chart)),
        });
        *held = worth;
        made
    }
}

/// Notes what a chart holds, and lets the oldest go until all fit.
fn make_room(all: &mut HashMap<Chart, Entry>, chart: &Chart, points: usize) {
    if let Some(entry) = all.get_mut(chart) {
        (entry.since, entry.points) = (Instant::now(), points);
    }
    // One without points is being made, or stands for the time it took.
    while all.len() > 64 || all.values().map(|entry| entry.points).sum::<usize>() > POINTS {
        let oldest = all.iter().filter(|(key, _)| *key != chart).min_by_key(|(_, entry)| entry.since);
        let Some(oldest) = oldest.map(|(key, _)| *key) else { return };
        all.remove(&oldest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::StoreError;
    use crate::stats::{By, HOUR, Sums};
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn chart(top: i64) -> Chart {
        Chart { by: By::Model, step: HOUR, from: 0, to: HOUR, top, own: None }
    }

    fn points(count: i64) -> Arc<Points> {
        Arc::new((0..count).map(|slot| ((slot, 0, String::new()), Sums::default())).collect())
    }

    fn kept(worth: Duration) -> Kept {
        Kept { worth, ..Kept::default() }
    }

    async fn get(kept: &Kept, chart: Chart, makings: &AtomicUsize, newest: i64) -> Result<i64> {
        let make = async {
            tokio::task::yield_now().await;
            makings.fetch_add(1, Ordering::Relaxed);
            Ok((newest, points(40_000)))
        };
        let fresh = |upto| async move { Ok(newest - upto < 10) };
        kept.get(chart, fresh, make).await.map(|made| made.0)
    }

    #[tokio::test]
    async fn what_took_long_is_made_once_for_all_who_ask_until_it_is_old() {
        let (kept, makings) = (kept(Duration::ZERO), AtomicUsize::new(0));
        let ask = |newest| get(&kept, chart(1), &makings, newest);
        let all = tokio::join!(ask(100), ask(100), ask(101), ask(109));
        assert_eq!((all.0.unwrap(), all.1.unwrap(), all.2.unwrap(), all.3.unwrap()), (100, 100, 100, 100));
        assert_eq!(makings.load(Ordering::Relaxed), 1);
        assert_eq!(ask(110).await.unwrap(), 110, "ten rows later it is old");
        assert_eq!(makings.load(Ordering::Relaxed), 2);
    }

    #[tokio::test]
    async fn what_is_quick_or_failed_is_not_kept_and_the_oldest_go() {
        let makings = AtomicUsize::new(0);
        let quick = kept(Duration::MAX);
        get(&quick, chart(1), &makings, 1).await.unwrap();
        assert_eq!(quick.with(|all| all.len()), 0);
        let kept = kept(Duration::ZERO);
        kept.get(chart(1), |_| async { Ok(true) }, async { Err(StoreError::Slow) }).await.unwrap_err();
        assert_eq!(kept.with(|all| all.len()), 0);
        for top in [1, 2, 3] {
            get(&kept, chart(top), &makings, 1).await.unwrap();
        }
        let left = kept.with(|all| [1, 2, 3].map(|top| all.contains_key(&chart(top))));
        assert_eq!(left, [false, true, true], "40,000 points each");
    }
}
