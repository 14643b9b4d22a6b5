//! Prompts: their versions, which never change, and the labels that point at them. What the configuration file
//! owns is changed there.

mod bundle;
mod calls;

pub use bundle::{Imported, LoadedPrompt, LoadedVersion};
pub(crate) use bundle::{apply_owned, load};
pub(crate) use calls::write_calls;
pub use calls::{Quantiles, VersionStats};

use crate::db::{Row, Tx, TxError, args};
use crate::error::{Result, StoreError};
use crate::run::{Store, bump, transaction};
use crate::users::{Page, escape_like};
use crate::{DB, FILE, digest, now};
use magic_domain::prompt::{Document, Spec, Target, VERSIONS_MAX};
use std::collections::BTreeMap;

/// A prompt as lists show it.
#[derive(Debug, Clone, PartialEq)]
pub struct PromptRow {
    pub name: String,
    pub description: String,
    pub owner: String,
    pub created_time: i64,
    pub updated_time: i64,
    /// The newest version.
    pub newest: i64,
    pub labels: BTreeMap<String, Target>,
    id: i64,
}

/// A version.
#[derive(Debug, Clone, PartialEq)]
pub struct VersionRow {
    pub number: i64,
    pub spec: Spec,
    pub created_time: i64,
}

const COLUMNS: &str = "id, name, description, owner, created_time, updated_time, \
     (SELECT MAX(number) FROM magic_prompt_versions v WHERE v.prompt_id = magic_prompts.id)";

fn read(row: &Row) -> Result<PromptRow> {
    Ok(PromptRow {
        id: row.int(0)?,
        name: row.text(1)?,
        description: row.text(2)?,
        owner: row.text(3)?,
        created_time: row.int(4)?,
        updated_time: row.int(5)?,
        newest: row.int(6)?,
        labels: BTreeMap::new(),
    })
}

fn json<T: serde::Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|error| StoreError::Internal(error.to_string()))
}

fn parsed<T: serde::de::DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text)
        .map_err(|error| StoreError::Internal(format!("a prompt can't be read: {error}")))
}

fn read_version(row: &Row) -> Result<VersionRow> {
    Ok(VersionRow { number: row.int(0)?, spec: parsed(&row.text(1)?)?, created_time: row.int(2)? })
}

/// The id of a prompt that may be changed here, locked until the transaction ends.
async fn own(tx: &mut Tx, name: &str) -> Result<i64, TxError> {
    let lock = crate::ledger::for_update(tx.engine());
    let row =
        tx.one(&format!("SELECT id, owner FROM magic_prompts WHERE name = ?{lock}"), args![name]).await?;
    let row = row.ok_or(StoreError::NotFound("prompt"))?;
    if row.text(1)? == FILE {
        let what = format!("the prompt {name} is declared in the configuration file; change it there");
        return Err(StoreError::Conflict(what).into());
    }
    Ok(row.int(0)?)
}

async fn insert(tx: &mut Tx, name: &str, description: &str, owner: &str) -> Result<i64, TxError> {
    let sql = "INSERT INTO magic_prompts (name, description, owner, created_time, updated_time) VALUES (?, ?, ?, ?, ?)";
    tx.insert(sql, args![name, description, owner, now(), now()]).await
}

async fn insert_version(tx: &mut Tx, id: i64, number: i64, spec: &str) -> Result<(), TxError> {
    let sql = "INSERT INTO magic_prompt_versions (prompt_id, number, digest, spec, created_time) VALUES (?, ?, ?, ?, ?)";
    tx.exec(sql, args![id, number, digest(spec), spec, now()]).await.map(|_| ())
}

/// Adds a version unless the newest says the same; its number, and whether it was added.
async fn add_version(tx: &mut Tx, id: i64, spec: &str) -> Result<(i64, bool), TxError> {
    let sql =
        "SELECT number, digest FROM magic_prompt_versions WHERE prompt_id = ? ORDER BY number DESC LIMIT 1";
    let (newest, same) = match tx.one(sql, args![id]).await? {
        Some(row) => (row.int(0)?, row.text(1)? == digest(spec)),
        None => (0, false),
    };
    if same {
        return Ok((newest, false));
    }
    if newest >= VERSIONS_MAX {
        return Err(StoreError::Conflict(format!("a prompt has at most {VERSIONS_MAX} versions")).into());
    }
    insert_version(tx, id, newest + 1, spec).await?;
    Ok((newest + 1, true))
}

async fn touch(tx: &mut Tx, id: i64) -> Result<(), TxError> {
    tx.exec("UPDATE magic_prompts SET updated_time = ? WHERE id = ?", args![now(), id]).await?;
    bump(tx).await
}

async fn set_label(tx: &mut Tx, id: i64, label: &str, target: &Target) -> Result<(), TxError> {
    let sql = tx.engine().upsert("magic_prompt_labels", &["prompt_id", "label"], &["target"]);
    tx.exec(&sql, args![id, label, json(target)?]).await.map(|_| ())
}

async fn delete(tx: &mut Tx, id: i64) -> Result<(), TxError> {
    for sql in [
        "DELETE FROM magic_prompt_labels WHERE prompt_id = ?",
        "DELETE FROM magic_prompt_versions WHERE prompt_id = ?",
        "DELETE FROM magic_prompts WHERE id = ?",
    ] {
        tx.exec(sql, args![id]).await?;
    }
    Ok(())
}

impl Store {
    /// A page of prompts by name, and how many there are. `keyword`: the beginning of a name.
    pub async fn prompts(&self, page: Page, keyword: String) -> Result<(Vec<PromptRow>, i64)> {
        self.list(move |inner| async move {
            let like = format!("{}%", escape_like(&keyword));
            let condition = "name LIKE ? ESCAPE '!'";
            let total = inner
                .db
                .one(&format!("SELECT COUNT(*) FROM magic_prompts WHERE {condition}"), args![&like])
                .await?;
            let total = total.map(|row| row.int(0)).transpose()?.unwrap_or(0);
            let sql = format!(
                "SELECT {COLUMNS} FROM magic_prompts WHERE {condition} ORDER BY name LIMIT ? OFFSET ?"
            );
            let rows = inner.db.fetch(&sql, args![&like, page.limit, page.offset]).await?;
            let mut rows: Vec<PromptRow> = rows.iter().map(read).collect::<Result<_>>()?;
            for row in &mut rows {
                row.labels = bundle::labels(&inner.db, row.id).await?;
            }
            Ok((rows, total))
        })
        .await
    }

    pub async fn prompt(&self, name: &str) -> Result<PromptRow> {
        let name = name.to_owned();
        self.run(move |inner| async move {
            let sql = format!("SELECT {COLUMNS} FROM magic_prompts WHERE name = ?");
            let row = inner.db.one(&sql, args![name]).await?.ok_or(StoreError::NotFound("prompt"))?;
            let row = read(&row)?;
            Ok(PromptRow { labels: bundle::labels(&inner.db, row.id).await?, ..row })
        })
        .await
    }

    /// A page of a prompt's versions, newest first, and how many there are.
    pub async fn prompt_versions(&self, prompt: &PromptRow, page: Page) -> Result<(Vec<VersionRow>, i64)> {
        let id = prompt.id;
        self.list(move |inner| async move {
            let sql = "SELECT number, spec, created_time FROM magic_prompt_versions WHERE prompt_id = ? \
                 ORDER BY number DESC LIMIT ? OFFSET ?";
            let rows = inner.db.fetch(sql, args![id, page.limit, page.offset]).await?;
            let count = "SELECT COUNT(*) FROM magic_prompt_versions WHERE prompt_id = ?";
            let total = inner.db.one(count, args![id]).await?.map(|row| row.int(0)).transpose()?;
            Ok((rows.iter().map(read_version).collect::<Result<_>>()?, total.unwrap_or(0)))
        })
        .await
    }

    pub async fn prompt_version(&self, prompt: &PromptRow, number: i64) -> Result<VersionRow> {
        let id = prompt.id;
        self.run(move |inner| async move {
            let sql = "SELECT number, spec, created_time FROM magic_prompt_versions WHERE prompt_id = ? AND number = ?";
            let row = inner.db.one(sql, args![id, number]).await?;
            read_version(&row.ok_or(StoreError::NotFound("version of the prompt"))?)
        })
        .await
    }

    /// Makes a prompt that has been checked.
    pub async fn create_prompt(&self, new: Document) -> Result<()> {
        self.run(move |inner| async move {
            transaction!(inner.db, |tx| {
                let id = insert(tx, &new.name, &new.description, DB).await?;
                for version in &new.versions {
                    insert_version(tx, id, version.version, &json(&version.spec)?).await?;
                }
                for (label, target) in &new.labels {
                    set_label(tx, id, label, target).await?;
                }
                bump(tx).await?;
            })
        })
        .await
    }

    pub async fn describe_prompt(&self, name: &str, description: &str) -> Result<()> {
        let (name, description) = (name.to_owned(), description.to_owned());
        self.run(move |inner| async move {
            transaction!(inner.db, |tx| {
                let id = own(tx, &name).await?;
                tx.exec("UPDATE magic_prompts SET description = ? WHERE id = ?", args![&description, id])
                    .await?;
                touch(tx, id).await?;
            })
        })
        .await
    }

    /// Deletes a prompt with its versions and labels. What its calls were and cost stays.
    pub async fn delete_prompt(&self, name: &str) -> Result<()> {
        let name = name.to_owned();
        self.run(move |inner| async move {
            transaction!(inner.db, |tx| {
                let id = own(tx, &name).await?;
                delete(tx, id).await?;
                bump(tx).await?;
            })
        })
        .await
    }

    /// Adds a version that has been checked, unless the newest says the same; its number, and whether it was
    /// added.
    pub async fn add_prompt_version(&self, name: &str, spec: &Spec) -> Result<(i64, bool)> {
        let (name, spec) = (name.to_owned(), json(spec)?);
        self.run(move |inner| async move {
            transaction!(inner.db, |tx| {
                let id = own(tx, &name).await?;
                let added = add_version(tx, id, &spec).await?;
                touch(tx, id).await?;
                added
            })
        })
        .await
    }

    /// Points a label at versions. `Invalid`: one of them is not there.
    pub async fn set_prompt_label(&self, name: &str, label: &str, target: Target) -> Result<()> {
        let (name, label) = (name.to_owned(), label.to_owned());
        self.run(move |inner| async move {
            transaction!(inner.db, |tx| {
                let id = own(tx, &name).await?;
                for number in target.versions() {
                    let sql = "SELECT number FROM magic_prompt_versions WHERE prompt_id = ? AND number = ?";
                    if tx.one(sql, args![id, number]).await?.is_none() {
                        return Err(
                            StoreError::Invalid(format!("there is no version {number} of {name}")).into()
                        );
                    }
                }
                set_label(tx, id, &label, &target).await?;
                touch(tx, id).await?;
            })
        })
        .await
    }

    pub async fn delete_prompt_label(&self, name: &str, label: &str) -> Result<()> {
        let (name, label) = (name.to_owned(), label.to_owned());
        self.run(move |inner| async move {
            transaction!(inner.db, |tx| {
                let id = own(tx, &name).await?;
                let sql = "DELETE FROM magic_prompt_labels WHERE prompt_id = ? AND label = ?";
                if tx.exec(sql, args![id, &label]).await? == 0 {
                    return Err(StoreError::NotFound("label of the prompt").into());
                }
                touch(tx, id).await?;
            })
        })
        .await
    }
}
