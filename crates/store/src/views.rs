//! Views: what users of the dashboard have kept of its lists.

use crate::db::{Tx, TxError, args};
use crate::error::{Result, StoreError};
use crate::run::{Store, transaction};
use magic_domain::ids::UserId;

/// Views of one user.
pub const VIEWS_MAX: i64 = 100;

/// Filters of a page, under a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    pub page: String,
    pub name: String,
    pub query: String,
}

/// Takes a user's views away with the account.
pub(crate) async fn forget(tx: &mut Tx, user: UserId) -> Result<(), TxError> {
    tx.exec("DELETE FROM magic_views WHERE user_id = ?", args![user.0]).await.map(|_| ())
}

impl Store {
    /// A user's views, by page and name.
    pub async fn views(&self, user: UserId) -> Result<Vec<View>> {
        self.run(move |inner| async move {
            let sql = "SELECT page, name, query FROM magic_views WHERE user_id = ? ORDER BY page, name";
            let rows = inner.db.fetch(sql, args![user.0]).await?;
            rows.iter()
                .map(|row| Ok(View { page: row.text(0)?, name: row.text(1)?, query: row.text(2)? }))
                .collect()
        })
        .await
    }

    /// Keeps a view; one of the same page and name is replaced. `Conflict`: the user has [`VIEWS_MAX`] already.
    pub async fn keep_view(&self, user: UserId, view: View) -> Result<()> {
        self.run(move |inner| async move {
            let upsert = inner.db.engine().upsert("magic_views", &["user_id", "page", "name"], &["query"]);
            transaction!(inner.db, |tx| {
                tx.exec(&upsert, args![user.0, &view.page, &view.name, &view.query]).await?;
                let count = "SELECT COUNT(*) FROM magic_views WHERE user_id = ?";
                let count = tx.one(count, args![user.0]).await?.map(|row| row.int(0)).transpose()?;
                if count > Some(VIEWS_MAX) {
                    return Err(StoreError::Conflict(format!("{VIEWS_MAX} views at most")).into());
                }
            })
        })
        .await
    }

    /// Forgets a view. `NotFound`: there is none.
    pub async fn drop_view(&self, user: UserId, page: &str, name: &str) -> Result<()> {
        let (page, name) = (page.to_owned(), name.to_owned());
        self.run(move |inner| async move {
            let sql = "DELETE FROM magic_views WHERE user_id = ? AND page = ? AND name = ?";
            match inner.db.exec(sql, args![user.0, &page, &name]).await? {
                0 => Err(StoreError::NotFound("view")),
                _ => Ok(()),
            }
        })
        .await
    }
}
