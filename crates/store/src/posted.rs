//! How many batches of finished calls the database has of a process life. One that comes back without what it had
//! committed last (a replica that took over before it had heard of it, a disk that forgot) is found out by this number.

use crate::db::{Tx, TxError, args};
use crate::error::Result;
use crate::ledger::{POSTING, Posted, for_update};
use crate::run::{Store, transaction};
use magic_domain::books::Settlement;
use std::sync::Arc;

/// What came of posting a batch by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Posting {
    Done(Posted),
    /// Nothing was posted: only so many batches are there, and others were posted before this one.
    Rewound(i64),
}

impl Store {
    /// [`Store::post`] of batch number `nth` of a process life, from 1 on.
    pub async fn post_nth(&self, epoch: &str, nth: i64, batch: Vec<Settlement>) -> Result<Posting> {
        let (epoch, batch) = (epoch.to_owned(), Arc::new(batch));
        self.run_for(POSTING, move |inner| async move {
            let logged = crate::ledger::prepare(&inner, &batch).await?;
            transaction!(inner.db, |tx| {
                if let Some(kept) = advance(tx, &epoch, nth).await? {
                    return Ok(Posting::Rewound(kept));
                }
                Posting::Done(crate::ledger::post(tx, &epoch, &batch, logged, inner.separate_logs).await?)
            })
        })
        .await
    }
}

/// Counts a batch. `Some`: those before it are not all there, only so many.
async fn advance(tx: &mut Tx, epoch: &str, nth: i64) -> std::result::Result<Option<i64>, TxError> {
    let sql = "UPDATE magic_posted SET batches = ? WHERE epoch = ? AND batches >= ?";
    if tx.exec(sql, args![nth, epoch, nth - 1]).await? > 0 {
        return Ok(None);
    }
    let lock = for_update(tx.engine());
    let sql = format!("SELECT batches FROM magic_posted WHERE epoch = ?{lock}");
    match tx.one(&sql, args![epoch]).await?.map(|row| row.int(0)).transpose()? {
        // It was committed before, without the answer's getting here: MySQL counts that as no change.
        Some(kept) if kept >= nth - 1 => Ok(None),
        Some(kept) => Ok(Some(kept)),
        None if nth == 1 => {
            tx.exec("INSERT INTO magic_posted (epoch, batches) VALUES (?, 1)", args![epoch]).await?;
            Ok(None)
        }
        None => Ok(Some(0)),
    }
}
