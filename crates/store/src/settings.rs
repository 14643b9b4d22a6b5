//! Options, groups and model prices.

use crate::db::args;
use crate::error::{Result, StoreError};
use crate::run::{Inner, Store, bump, transaction};
use crate::{DB, FILE};
use magic_domain::options::{self, Options};
use magic_domain::secret::Secret;
use std::collections::BTreeMap;

impl Store {
    /// The options that are set, and which of them the configuration file owns.
    pub async fn options(&self) -> Result<(Options, Vec<String>)> {
        self.run(|inner| async move {
            let rows = inner.db.fetch("SELECT name, value, owner FROM magic_options", vec![]).await?;
            let mut set = BTreeMap::new();
            let mut owned = Vec::new();
            for row in &rows {
                let (name, owner) = (row.text(0)?, row.text(2)?);
                if owner == FILE {
                    owned.push(name.clone());
                }
                let value = shown(&inner, &name, row.text(1)?);
                set.insert(name, value);
            }
            Ok((Options::new(set), owned))
        })
        .await
    }

    /// Sets an option. Refused: unknown keys, malformed values, keys that the configuration file owns.
    pub async fn set_option(&self, name: &str, value: &str) -> Result<()> {
        options::check(name, value).map_err(StoreError::Invalid)?;
        let (name, value) = (name.to_owned(), value.to_owned());
        self.run(move |inner| async move {
            transaction!(inner.db, |tx| {
                let row = tx.one("SELECT owner FROM magic_options WHERE name = ?", args![&name]).await?;
                if row.map(|row| row.text(0)).transpose()?.as_deref() == Some(FILE) {
                    return Err(
                        StoreError::Conflict(format!("{name} is set in the configuration file")).into()
                    );
                }
                let sql = tx.engine().upsert("magic_options", &["name"], &["value", "owner"]);
                let def = options::find(&name).ok_or(StoreError::NotFound("option"))?;
                tx.exec(&sql, args![&name, stored(&inner, def, &value)?, DB]).await?;
                crate::prices::record_option(tx, &name, &value, DB).await?;
                bump(tx).await?;
            })
        })
        .await
    }
}

pub(crate) fn place(name: &str) -> String {
    format!("magic_options/value/{name}")
}

/// A value as it is kept: secrets are sealed (SR-21).
pub(crate) fn stored(inner: &Inner, def: &options::Def, value: &str) -> Result<String> {
    match def.secret {
        true => inner.vault.seal(&Secret::new(value), &place(def.key)),
        false => Ok(value.to_owned()),
    }
}

/// A kept value as it is used; a secret that does not open is as good as none.
pub(crate) fn shown(inner: &Inner, name: &str, value: String) -> String {
    if !options::find(name).is_some_and(|def| def.secret) {
        return value;
    }
    match inner.vault.open(&value, &place(name)) {
        Ok(secret) => secret.expose().to_owned(),
        // From before secrets were sealed.
        Err(_) if !value.starts_with("v1:") => value,
        Err(_) => {
            log::error!("the secret of the option {name} can't be opened");
            String::new()
        }
    }
}
