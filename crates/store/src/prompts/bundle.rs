//! Prompts as a whole: loaded for the routing table, exported, imported, declared by the file.

use super::{add_version, delete, insert, insert_version, json, own, parsed, set_label, touch};
use crate::db::{Db, Row, Tx, TxError, args};
use crate::error::{Result, StoreError};
use crate::run::{Store, bump, transaction};
use crate::{DB, FILE, digest};
use magic_domain::prompt::{Document, Numbered, Target};
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

/// A version as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadedVersion {
    pub number: i64,
    /// The SHA-256 of `spec`: two with the same one are the same.
    pub digest: String,
    /// JSON of a `Spec`.
    pub spec: String,
}

/// A prompt with all its versions, oldest first.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadedPrompt {
    pub name: String,
    pub description: String,
    pub labels: BTreeMap<String, Target>,
    pub versions: Vec<LoadedVersion>,
}

impl LoadedPrompt {
    /// The prompt as it is taken along.
    pub fn document(&self) -> Result<Document> {
        let version =
            |version: &LoadedVersion| Ok(Numbered { version: version.number, spec: parsed(&version.spec)? });
        Ok(Document {
            name: self.name.clone(),
            description: self.description.clone(),
            versions: self.versions.iter().map(version).collect::<Result<_>>()?,
            labels: self.labels.clone(),
        })
    }
}

/// What an import did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Imported {
    pub prompts_created: u64,
    pub versions_created: u64,
    /// Versions that were there already.
    pub versions_known: u64,
}

fn label(row: &Row, at: usize) -> Result<(String, Target)> {
    Ok((row.text(at)?, parsed(&row.text(at + 1)?)?))
}

pub(super) async fn labels(db: &Db, id: i64) -> Result<BTreeMap<String, Target>> {
    let sql = "SELECT label, target FROM magic_prompt_labels WHERE prompt_id = ?";
    db.fetch(sql, args![id]).await?.iter().map(|row| label(row, 0)).collect()
}

/// Every prompt, by name.
pub(crate) async fn load(db: &Db) -> Result<Vec<LoadedPrompt>> {
    let rows = db.fetch("SELECT id, name, description FROM magic_prompts ORDER BY name", vec![]).await?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let mut versions: HashMap<i64, Vec<LoadedVersion>> = HashMap::new();
    let sql = "SELECT prompt_id, number, digest, spec FROM magic_prompt_versions ORDER BY prompt_id, number";
    for row in db.fetch(sql, vec![]).await? {
        let version = LoadedVersion { number: row.int(1)?, digest: row.text(2)?, spec: row.text(3)? };
        versions.entry(row.int(0)?).or_default().push(version);
    }
    let mut labels: HashMap<i64, BTreeMap<String, Target>> = HashMap::new();
    for row in db.fetch("SELECT prompt_id, label, target FROM magic_prompt_labels", vec![]).await? {
        labels.entry(row.int(0)?).or_default().extend([label(&row, 1)?]);
    }
    rows.iter()
        .map(|row| {
            let id = row.int(0)?;
            Ok(LoadedPrompt {
                name: row.text(1)?,
                description: row.text(2)?,
                labels: labels.remove(&id).unwrap_or_default(),
                versions: versions.remove(&id).unwrap_or_default(),
            })
        })
        .collect()
}

/// Numbers of a prompt's versions by what they say.
async fn known(tx: &mut Tx, id: i64) -> Result<HashMap<String, i64>, TxError> {
    let sql = "SELECT digest, number FROM magic_prompt_versions WHERE prompt_id = ? ORDER BY number";
    let rows = tx.fetch(sql, args![id]).await?;
    Ok(rows.iter().map(|row| Ok((row.text(0)?, row.int(1)?))).collect::<Result<_>>()?)
}

/// Makes the database's prompts agree with what the file declares. A version's text does not change: one that
/// differs from what is known under its number is a conflict.
pub(crate) async fn apply_owned(tx: &mut Tx, declared: &[Document]) -> Result<(), TxError> {
    let rows = tx.fetch("SELECT name, id FROM magic_prompts WHERE owner = ?", args![FILE]).await?;
    let mut gone: HashMap<String, i64> =
        rows.iter().map(|row| Ok((row.text(0)?, row.int(1)?))).collect::<Result<_>>()?;
    for prompt in declared {
        let name = &prompt.name;
        let id = match gone.remove(name) {
            Some(id) => {
                let sql = "UPDATE magic_prompts SET description = ? WHERE id = ?";
                tx.exec(sql, args![&prompt.description, id]).await?;
                tx.exec("DELETE FROM magic_prompt_labels WHERE prompt_id = ?", args![id]).await?;
                id
            }
            None => {
                if tx.one("SELECT id FROM magic_prompts WHERE name = ?", args![name]).await?.is_some() {
                    let what = format!(
                        "the prompt {name:?} of the configuration file exists in the database already"
                    );
                    return Err(StoreError::Conflict(what).into());
                }
                insert(tx, name, &prompt.description, FILE).await?
            }
        };
        let sql = "SELECT number, digest FROM magic_prompt_versions WHERE prompt_id = ?";
        let rows = tx.fetch(sql, args![id]).await?;
        let mut before: HashMap<i64, String> =
            rows.iter().map(|row| Ok((row.int(0)?, row.text(1)?))).collect::<Result<_>>()?;
        for Numbered { version, spec } in &prompt.versions {
            let spec = json(spec)?;
            match before.remove(version) {
                None => insert_version(tx, id, *version, &spec).await?,
                Some(known) if known == digest(&spec) => {}
                Some(_) => {
                    let what = format!(
                        "version {version} of the prompt {name:?} has another text in the database, and versions \
                         don't change: declare another one"
                    );
                    return Err(StoreError::Conflict(what).into());
                }
            }
        }
        for number in before.keys() {
            let sql = "DELETE FROM magic_prompt_versions WHERE prompt_id = ? AND number = ?";
            tx.exec(sql, args![id, *number]).await?;
        }
        for (label, target) in &prompt.labels {
            set_label(tx, id, label, target).await?;
        }
    }
    for id in gone.values() {
        delete(tx, *id).await?;
    }
    Ok(())
}

impl Store {
    /// Every prompt as it is taken along.
    pub async fn export_prompts(&self) -> Result<Vec<Document>> {
        let all = self.run_for(Duration::from_secs(10), |inner| async move { load(&inner.db).await }).await?;
        all.iter().map(LoadedPrompt::document).collect()
    }

    /// Takes prompts over that have been checked, all or none. A version that says what one here says is that
    /// one; others come after the newest. Labels point where they pointed.
    pub async fn import_prompts(&self, prompts: Vec<Document>) -> Result<Imported> {
        self.run_for(Duration::from_secs(30), move |inner| async move {
            transaction!(inner.db, |tx| {
                let mut done = Imported::default();
                for prompt in &prompts {
                    let id = match own(tx, &prompt.name).await {
                        Ok(id) => {
                            let sql = "UPDATE magic_prompts SET description = ? WHERE id = ?";
                            tx.exec(sql, args![&prompt.description, id]).await?;
                            id
                        }
                        Err(TxError::Store(StoreError::NotFound(_))) => {
                            done.prompts_created += 1;
                            insert(tx, &prompt.name, &prompt.description, DB).await?
                        }
                        Err(error) => return Err(error),
                    };
                    let mut known = known(tx, id).await?;
                    let mut numbers: HashMap<i64, i64> = HashMap::new();
                    let mut versions: Vec<&Numbered> = prompt.versions.iter().collect();
                    versions.sort_by_key(|version| version.version);
                    for Numbered { version, spec } in versions {
                        let spec = json(spec)?;
                        let digest = digest(&spec);
                        let number = match known.get(&digest) {
                            Some(number) => {
                                done.versions_known += 1;
                                *number
                            }
                            None => {
                                done.versions_created += 1;
                                let (number, _) = add_version(tx, id, &spec).await?;
                                known.insert(digest, number);
                                number
                            }
                        };
                        numbers.insert(*version, number);
                    }
                    for (label, target) in &prompt.labels {
                        if let Some(target) = target.renumbered(|number| numbers.get(&number).copied()) {
                            set_label(tx, id, label, &target).await?;
                        }
                    }
                    touch(tx, id).await?;
                }
                bump(tx).await?;
                done
            })
        })
        .await
    }
}
