//! Who is told that a balance runs low, once for each time it does.

use crate::db::args;
use crate::error::{Result, StoreError};
use crate::now;
use crate::run::Store;
use magic_domain::money::Nano;
use magic_domain::principal::Role;

/// Mails of one look at most; the rest is found by the next.
const BATCH: i64 = 200;

/// Somebody to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reminder {
    pub user_id: i64,
    pub email: String,
    pub balance: Nano,
}

impl Store {
    /// Users with an address who have spent something and have less than `threshold` left, each once until the
    /// balance is above it again. What is returned is taken: no other node gets it.
    pub async fn take_reminders(&self, threshold: Nano) -> Result<Vec<Reminder>> {
        self.run(move |inner| async move {
            let filled = "DELETE FROM magic_reminders WHERE user_id IN (SELECT id FROM magic_users WHERE balance >= ?)";
            inner.db.exec(filled, args![threshold.0]).await?;
            let sql = "SELECT id, email, balance FROM magic_users WHERE email <> '' AND status = 1 AND used > 0 AND balance < ? \
                 AND NOT EXISTS (SELECT 1 FROM magic_reminders r WHERE r.user_id = magic_users.id) ORDER BY id LIMIT ?";
            let mut taken = Vec::new();
            for row in inner.db.fetch(sql, args![threshold.0, BATCH]).await? {
                let reminder =
                    Reminder { user_id: row.int(0)?, email: row.text(1)?, balance: Nano(row.int(2)?) };
                let insert = "INSERT INTO magic_reminders (user_id, at) VALUES (?, ?)";
                match inner.db.exec(insert, args![reminder.user_id, now()]).await {
                    Ok(_) => taken.push(reminder),
                    // Another node was first.
                    Err(StoreError::Conflict(_)) => {}
                    Err(error) => return Err(error),
                }
            }
            Ok(taken)
        })
        .await
    }

    /// The address of the first root account that has one.
    pub async fn root_address(&self) -> Result<Option<String>> {
        self.run(|inner| async move {
            let sql = "SELECT email FROM magic_users WHERE role = ? AND status = 1 AND email <> '' ORDER BY id LIMIT 1";
            let row = inner.db.one(sql, args![i64::from(Role::Root)]).await?;
            row.map(|row| row.text(0)).transpose()
        })
        .await
    }
}
