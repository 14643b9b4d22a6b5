//! What has been spent of budgets, by day and month. Written with the bills it counts, read at the start and, in a
//! fleet, in the background: never for a call.

use crate::db::{Engine, Tx, TxError, args};
use crate::error::Result;
use crate::run::{Store, transaction};
use magic_domain::books::Settlement;
use magic_domain::limits::Day;
use magic_domain::money::Nano;
use magic_domain::usage::Mark;
use std::collections::BTreeMap;
use std::time::Duration;

/// Adds what new calls of a process life cost to the budgets they count against.
pub(crate) async fn add(tx: &mut Tx, epoch: &str, calls: &[&Settlement]) -> std::result::Result<(), TxError> {
    // In order, so that whoever else writes the same rows waits instead of locking crosswise.
    let mut sums: BTreeMap<(i64, &str), i64> = BTreeMap::new();
    for call in calls.iter().filter(|call| call.closing.mark != Mark::Void && call.closing.cost.0 != 0) {
        let day = call.closing.day;
        for owner in &call.closing.budgets {
            for period in [day.0, day.month()] {
                let sum = sums.entry((i64::from(period), owner)).or_default();
                *sum = sum.saturating_add(call.closing.cost.0);
            }
        }
    }
    let insert = "INSERT INTO magic_spent (period, owner, epoch, amount) VALUES (?, ?, ?, ?)";
    let rest = match tx.engine() {
        Engine::MySql => "ON DUPLICATE KEY UPDATE amount = amount + VALUES(amount)",
        _ => "ON CONFLICT (period, owner, epoch) DO UPDATE SET amount = magic_spent.amount + excluded.amount",
    };
    for ((period, owner), amount) in sums {
        tx.exec(&format!("{insert} {rest}"), args![period, owner, epoch, amount]).await?;
    }
    Ok(())
}

impl Store {
    /// What process lives other than `epoch` have spent in a day and in its month: an object's name, the period,
    /// the amount.
    pub async fn spent_elsewhere(&self, epoch: &str, day: Day) -> Result<Vec<(String, i64, Nano)>> {
        let epoch = epoch.to_owned();
        self.run_for(Duration::from_secs(30), move |inner| async move {
            let sum = inner.db.engine().sum("amount");
            let sql = format!(
                "SELECT owner, period, {sum} FROM magic_spent WHERE period IN (?, ?) AND epoch <> ? GROUP BY owner, period"
            );
            let rows = inner.db.fetch(&sql, args![i64::from(day.0), i64::from(day.month()), epoch]).await?;
            rows.iter().map(|row| Ok((row.text(0)?, row.int(1)?, Nano(row.int(2)?)))).collect()
        })
        .await
    }

    /// Forgets days and months before these.
    pub async fn forget_spent(&self, before: Day) -> Result<u64> {
        self.run_for(Duration::from_secs(30), move |inner| async move {
            // A month has six digits, a day eight.
            let sql = "DELETE FROM magic_spent WHERE (period > 999999 AND period < ?) OR period < ?";
            transaction!(inner.db, |tx| {
                tx.exec(sql, args![i64::from(before.0), i64::from(before.month())]).await?
            })
        })
        .await
    }
}
