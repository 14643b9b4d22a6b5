//! Summing up what is new in the log, and deleting the sums that are kept no longer.

use super::{CALL, COLUMNS, COUNT, Call, Key, STEPS, Sums, head, of};
use crate::db::{Engine, Tx, TxError, args};
use crate::error::Result;
use crate::ledger::{for_update, rows_with};
use crate::logs::CONSUME;
use crate::now;
use crate::run::{Store, transaction};
use std::collections::BTreeMap;
use std::time::Duration;

/// What some rows of the log add to the sums, by what, step and slot: always in one order, so that nodes that add at
/// the same time wait for each other and never for themselves.
type Added<'c> = BTreeMap<(Key<'c>, i64, i64), Sums>;

fn added(calls: &[Call], now: i64) -> Added<'_> {
    let mut added = Added::new();
    for call in calls.iter().filter(|call| call.kind == CONSUME) {
        for (step, kept) in STEPS {
            let slot = call.at.div_euclid(*step) * step;
            if slot < now.saturating_sub(*kept) {
                continue;
            }
            for key in call.keys() {
                added.entry((key, *step, slot)).or_default().add(call.sums);
            }
        }
    }
    added
}

/// What makes an insert of sums an addition to those that are there.
fn adding(engine: Engine) -> String {
    let names = ["calls", "failed", "cost", "prompt_tokens", "completion_tokens"];
    let all = |set: fn(&str) -> String| names.map(set).join(", ");
    match engine {
        Engine::MySql => {
            format!(" ON DUPLICATE KEY UPDATE {}", all(|name| format!("{name} = {name} + VALUES({name})")))
        }
        _ => format!(
            " ON CONFLICT (dim, step, num, slot, name, model) DO UPDATE SET {}",
            all(|name| format!("{name} = magic_stats.{name} + excluded.{name}"))
        ),
    }
}

async fn add(tx: &mut Tx, added: &Added<'_>) -> Result<(), TxError> {
    let args = added.iter().flat_map(|((key, step, slot), sums)| {
        let Key { dim, num, name, model } = *key;
        let Sums { calls, failed, cost, prompt_tokens, completion_tokens } = sums;
        args![
            dim,
            *step,
            num,
            *slot,
            name,
            model,
            *calls,
            *failed,
            cost.0,
            *prompt_tokens,
            *completion_tokens
        ]
    });
    let tail = adding(tx.engine());
    rows_with(tx, &format!("magic_stats ({COLUMNS})"), COUNT, args.collect(), &tail).await
}

impl Store {
    /// The newest row of the log. No row with this id or a lower one is still to come from a single node; where
    /// several write, one that was begun earlier may be committed later.
    pub async fn log_head(&self) -> Result<i64> {
        self.run(|inner| async move { head(&inner.logs).await }).await
    }

    /// Whether only one can write the log at a time, so that its rows come in the order of their ids.
    pub fn log_in_order(&self) -> bool {
        self.inner.logs.engine() == Engine::Sqlite
    }

    /// Sums up the next `limit` rows of the log, none above `safe`: how many there were.
    pub async fn sum_up(&self, safe: i64, limit: i64) -> Result<i64> {
        self.run_for(Duration::from_secs(60), move |inner| async move {
            transaction!(inner.logs, |tx| {
                let lock = for_update(tx.engine());
                let sql = format!("SELECT value FROM magic_state WHERE name = 'stats_upto'{lock}");
                let row = tx.one(&sql, vec![]).await?;
                let upto: i64 =
                    row.map(|row| row.text(0)).transpose()?.and_then(|text| text.parse().ok()).unwrap_or(0);
                if upto >= safe {
                    return Ok(0);
                }
                let sql =
                    format!("SELECT {CALL} FROM magic_logs WHERE id > ? AND id <= ? ORDER BY id LIMIT ?");
                let rows = tx.fetch(&sql, args![upto, safe, limit]).await?;
                let calls = rows.iter().map(Call::read).collect::<Result<Vec<_>>>()?;
                let count = i64::try_from(calls.len()).unwrap_or(i64::MAX);
                // Not all of a gap's end is known where there are more rows.
                let next = if count < limit { safe } else { calls.last().map_or(safe, |call| call.id) };
                add(tx, &added(&calls, now())).await?;
                let sql = "UPDATE magic_state SET value = ? WHERE name = 'stats_upto'";
                tx.exec(sql, args![next.to_string()]).await?;
                count
            })
        })
        .await
    }

    /// Deletes the sums that are kept no longer, an hour's or a day's at a time; how many.
    pub async fn prune_sums(&self) -> Result<u64> {
        self.run_for(Duration::from_secs(60), |inner| async move {
            let mut total = 0;
            for (step, kept) in STEPS.iter().filter(|(_, kept)| *kept != i64::MAX) {
                let before = now() - kept;
                for dim in of::ALL {
                    loop {
                        let sql = "SELECT MIN(slot) FROM magic_stats WHERE dim = ? AND step = ?";
                        let first = inner.logs.one(sql, args![dim, *step]).await?;
                        let first = first.map(|row| row.int(0)).transpose()?;
                        let Some(first) = first.filter(|first| *first > 0 && *first < before) else { break };
                        let sql = "DELETE FROM magic_stats WHERE dim = ? AND step = ? AND slot < ?";
                        let until = before.min(first + step * 24);
                        total += inner.logs.exec(sql, args![dim, *step, until]).await?;
                    }
                }
            }
            Ok(total)
        })
        .await
    }
}
