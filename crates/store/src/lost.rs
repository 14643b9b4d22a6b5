//! Nodes that will not come back. What a dead node has set aside stays set aside until its journal has told what of it
//! was spent. Where the disk with the journal is lost, a person says so, and all of it is charged as a loss: the calls
//! that it paid for can't be known. A journal that turns up after all sets right what it explains, and gives back the rest.

use crate::db::{Engine, Tx, TxError, args};
use crate::error::{Result, StoreError};
use crate::ledger::{for_update, post_move};
use crate::nodes::clock;
use crate::random_id;
use crate::run::{Store, transaction};
use magic_domain::ids::UserId;
use magic_domain::money::Nano;
use std::time::Duration;

/// A node is taken for dead when it was not seen for so many seconds, by the database's clock.
pub const DEAD: i64 = 60;

/// The account that losses are kept in.
const ACCOUNT: &str = "loss";

/// The owner's table of a lease's scope, and its column of the balance.
fn table(scope: &str) -> (&'static str, &'static str) {
    match scope {
        "user" => ("magic_users", "balance"),
        _ => ("magic_tokens", "remain"),
    }
}

impl Store {
    /// Declares the journal of a process life lost: what it had set aside is charged to its owners as a loss, and it
    /// gets nothing any more. What users lose by it, all together.
    ///
    /// # Errors
    /// `NotFound`: there is no such node and it has set nothing aside. `Conflict`: it was seen within [`DEAD`] seconds.
    pub async fn declare_lost(&self, epoch: &str) -> Result<Nano> {
        let epoch = epoch.to_owned();
        self.run_for(Duration::from_secs(30), move |inner| async move {
            transaction!(inner.db, |tx| {
                let now_sql = clock(tx.engine());
                let sql = format!("SELECT {now_sql} - seen_at FROM magic_nodes WHERE id = ?");
                let silent = tx.one(&sql, args![&epoch]).await?.map(|row| row.int(0)).transpose()?;
                let known = is_lost(tx, &epoch).await?;
                if let Some(silent) = silent.filter(|silent| *silent <= DEAD && !known) {
                    let told = format!(
                        "the node was seen {silent} seconds ago: only one that is silent for more than {DEAD} can be lost"
                    );
                    return Err(StoreError::Conflict(told).into());
                }
                let lock = for_update(tx.engine());
                let sql = format!(
                    "SELECT scope, owner_id, amount FROM magic_leases WHERE epoch = ? ORDER BY scope, owner_id{lock}"
                );
                let leases = tx.fetch(&sql, args![&epoch]).await?;
                if silent.is_none() && leases.is_empty() && !known {
                    return Err(StoreError::NotFound("node").into());
                }
                if !known {
                    let sql = format!("INSERT INTO magic_lost (epoch, at) VALUES (?, {now_sql})");
                    tx.exec(&sql, args![&epoch]).await?;
                }
                let mut sum = Nano::ZERO;
                for lease in &leases {
                    let (scope, owner, amount) = (lease.text(0)?, lease.int(1)?, lease.int(2)?);
                    if charge(tx, &epoch, &scope, owner, amount).await? && scope == "user" {
                        sum = sum.plus(Nano(amount));
                    }
                }
                tx.exec("DELETE FROM magic_leases WHERE epoch = ?", args![&epoch]).await?;
                // Users with less than before, and a node that may still be there.
                crate::run::bump(tx).await?;
                sum
            })
        })
        .await
    }

    /// Charges what lost process lives have set aside after all: one was asking when it was declared lost.
    pub async fn sweep_lost(&self) -> Result<()> {
        let late = self.run(|inner| async move {
            let sql = "SELECT DISTINCT l.epoch FROM magic_leases l JOIN magic_lost m ON m.epoch = l.epoch WHERE l.amount > 0";
            let rows = inner.db.fetch(sql, vec![]).await?;
            rows.iter().map(|row| row.text(0)).collect::<Result<Vec<String>>>()
        });
        for epoch in late.await? {
            self.declare_lost(&epoch).await?;
        }
        Ok(())
    }
}

/// Charges a lease as a loss. False: there is nothing to charge, or nobody.
async fn charge(
    tx: &mut Tx,
    epoch: &str,
    scope: &str,
    owner: i64,
    amount: i64,
) -> std::result::Result<bool, TxError> {
    let (table, column) = table(scope);
    let sql = format!("UPDATE {table} SET {column} = {column} - ?, leased = leased - ? WHERE id = ?");
    if amount <= 0 || tx.exec(&sql, args![amount, amount, owner]).await? == 0 {
        return Ok(false);
    }
    let insert = "INSERT INTO magic_losses (epoch, scope, owner_id, amount) VALUES (?, ?, ?, ?)";
    let rest = match tx.engine() {
        Engine::MySql => "ON DUPLICATE KEY UPDATE amount = amount + VALUES(amount)",
        _ => {
            "ON CONFLICT (epoch, scope, owner_id) DO UPDATE SET amount = magic_losses.amount + excluded.amount"
        }
    };
    tx.exec(&format!("{insert} {rest}"), args![epoch, scope, owner, amount]).await?;
    if scope == "user" {
        let note = "set aside by a node whose disk is lost";
        post_move(tx, &random_id(), "loss", owner, Nano(-amount), ACCOUNT, note).await?;
        noted(tx, owner, note, Nano(-amount)).await?;
    }
    Ok(true)
}

/// A row in the user's own log.
async fn noted(tx: &mut Tx, user: i64, note: &str, amount: Nano) -> std::result::Result<(), TxError> {
    let row = tx.one("SELECT username FROM magic_users WHERE id = ?", args![user]).await?;
    if let Some(row) = row {
        crate::logs::write_note(tx, UserId(user), &row.text(0)?, 3, note, amount).await?;
    }
    Ok(())
}

/// Whether a process life has been declared lost.
pub(crate) async fn is_lost(tx: &mut Tx, epoch: &str) -> std::result::Result<bool, TxError> {
    Ok(tx.one("SELECT epoch FROM magic_lost WHERE epoch = ?", args![epoch]).await?.is_some())
}

/// What calls of a lost process life cost, now that they are known, up to `cost`: that much of the loss was none. The
/// caller lessens the balance by so much less.
pub(crate) async fn explain(
    tx: &mut Tx,
    epoch: &str,
    scope: &str,
    owner: i64,
    cost: i64,
) -> std::result::Result<i64, TxError> {
    let lock = for_update(tx.engine());
    let sql = format!("SELECT amount FROM magic_losses WHERE epoch = ? AND scope = ? AND owner_id = ?{lock}");
    let lost = tx.one(&sql, args![epoch, scope, owner]).await?.map(|row| row.int(0)).transpose()?;
    let found = lost.unwrap_or(0).clamp(0, cost.max(0));
    if found == 0 {
        return Ok(0);
    }
    let sql = "UPDATE magic_losses SET amount = amount - ? WHERE epoch = ? AND scope = ? AND owner_id = ?";
    tx.exec(sql, args![found, epoch, scope, owner]).await?;
    if scope == "user" {
        let note = "the journal of a node that was lost has turned up";
        post_move(tx, &random_id(), "found", owner, Nano(found), ACCOUNT, note).await?;
    }
    Ok(found)
}

/// The journal of a lost process life has been posted whole: what it has not spent goes back.
pub(crate) async fn give_back(tx: &mut Tx, epoch: &str) -> std::result::Result<(), TxError> {
    let lock = for_update(tx.engine());
    let sql = format!(
        "SELECT scope, owner_id, amount FROM magic_losses WHERE epoch = ? AND amount > 0 ORDER BY scope, owner_id{lock}"
    );
    let rows = tx.fetch(&sql, args![epoch]).await?;
    for row in &rows {
        let (scope, owner, amount) = (row.text(0)?, row.int(1)?, row.int(2)?);
        let found = explain(tx, epoch, &scope, owner, amount).await?;
        let (table, column) = table(&scope);
        let sql = format!("UPDATE {table} SET {column} = {column} + ? WHERE id = ?");
        tx.exec(&sql, args![found, owner]).await?;
        if scope == "user" {
            noted(tx, owner, "not spent by a node that was lost and has turned up", Nano(found)).await?;
        }
    }
    if !rows.is_empty() {
        crate::run::bump(tx).await?;
    }
    Ok(())
}
