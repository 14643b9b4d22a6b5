//! Sums the log up by minutes, hours and days, behind those who write it.

use crate::live::LiveGateway;
use magic_store::{Store, StoreError};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Between two looks at the log.
const PAUSE: Duration = Duration::from_secs(10);
/// Rows that are summed up in one transaction: others who write wait for it.
const PIECE: i64 = 2_000;
/// By then a transaction that was under way is over: all that write the log have deadlines of half of it.
const SETTLED: Duration = Duration::from_secs(60);
/// Between two times that old sums are deleted.
const PRUNE: Duration = Duration::from_secs(3600);

/// For ever.
pub async fn run(live: Arc<LiveGateway>) {
    let store = live.store();
    let mut heads = VecDeque::new();
    let mut pruned: Option<Instant> = None;
    loop {
        live.duties().wait().await;
        if let Err(error) = follow(store, &mut heads).await {
            log::debug!("the log could not be summed up: {error}");
        }
        if pruned.is_none_or(|at| at.elapsed() > PRUNE) {
            pruned = Some(Instant::now());
            if let Err(error) = store.prune_sums().await {
                log::debug!("old sums of the log could not be deleted: {error}");
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Sums up to the newest row below which nothing can appear any more.
async fn follow(store: &Store, heads: &mut VecDeque<(Instant, i64)>) -> Result<(), StoreError> {
    let head = store.log_head().await?;
    heads.push_back((Instant::now(), head));
    while heads.get(1).is_some_and(|(at, _)| at.elapsed() > SETTLED) {
        heads.pop_front();
    }
    let settled = heads.front().filter(|(at, _)| at.elapsed() > SETTLED).map(|(_, head)| *head);
    let Some(safe) = (if store.log_in_order() { Some(head) } else { settled }) else { return Ok(()) };
    loop {
        let begun = Instant::now();
        if store.sum_up(safe, PIECE).await? < PIECE {
            return Ok(());
        }
        // A log that was there before its sums: half of the time is for others.
        tokio::time::sleep(begun.elapsed()).await;
    }
}
